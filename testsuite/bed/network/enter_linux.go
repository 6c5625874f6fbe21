package network

import (
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// enter puts the calling goroutine's thread into a namespace for good: the goroutine must end afterwards, and takes the
// thread with it because it stays locked.
func enter(namespace string) error {
	runtime.LockOSThread()
	file, err := os.Open(filepath.Join("/run/netns", namespace))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
}
