//go:build unix

package guest

import "syscall"

// Sys answers an empty structure of the type that the interpreter's -O and -G tests expect; the numbers in it say
// nothing of the real machine.
func (i *info) Sys() any { return &syscall.Stat_t{Uid: uint32(i.uid), Gid: uint32(i.gid)} } //nolint:gosec // Small numbers of ours.
