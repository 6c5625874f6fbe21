// Package instance carries the life of an instance of a cloud, end to end, on real daemons: a Debian guest whose cloud-init reads
// a config drive, a packet filter, PostgreSQL with TLS, OpenLDAP and an apt repository. Of the cloud itself, only the API is an
// emulator: its security groups are asked for and filter nothing, the edge does.
package instance
