package host

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawner is the one thread that starts daemons. The kernel sends a child its parent-death signal when the thread that
// forked it ends, not when the process does: threads that end, as those do that entered a namespace, must never fork one.
var spawner = sync.OnceValue(func() chan func() { //nolint:gochecknoglobals // One thread for the process.
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// spawn starts a command, in a network namespace if one is named.
func spawn(cmd *exec.Cmd, namespace string) error {
	done := make(chan error)
	spawner() <- func() { done <- within(namespace, cmd.Start) }
	return <-done
}

// within calls f on this thread in a network namespace, and comes back.
func within(namespace string, f func() error) error {
	if namespace == "" {
		return f()
	}
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("opening this thread's namespace: %w", err)
	}
	defer func() { _ = home.Close() }()
	there, err := os.Open(filepath.Join("/run/netns", namespace))
	if err != nil {
		return fmt.Errorf("opening namespace %q: %w", namespace, err)
	}
	defer func() { _ = there.Close() }()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering namespace %q: %w", namespace, err)
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(fmt.Sprintf("leaving namespace %q: %v", namespace, err)) // Later daemons would start in the wrong place.
		}
	}()
	return f()
}

// attributes give a child a process group of its own and let it die with us. Go sets the signal after the account, so
// that giving up root does not clear it.
func attributes(credential *syscall.Credential, isolated bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: credential}
	if isolated {
		a.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS
	}
	return a
}

// account looks up a user; nil for an empty name, which is root.
func account(name string) (credential *syscall.Credential, home string, err error) {
	if name == "" {
		return nil, "/root", nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return nil, "", err
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, "", err
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, "", err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, found.HomeDir, nil
}
