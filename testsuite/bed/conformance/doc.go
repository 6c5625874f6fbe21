// Package conformance runs the suites of the ports against real daemons, in network namespaces of this machine: what an
// emulator passes, the real system has to pass too. It links no Temporal server, so that it builds in seconds.
package conformance
