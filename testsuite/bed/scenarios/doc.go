// Package scenarios carries whole runs, end to end, on real daemons: Debian guests behind vCenter's simulator, a packet
// filter, HAProxy, Request Tracker and an apt repository, with workers that are processes of their own.
package scenarios
