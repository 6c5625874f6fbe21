package cli

import (
	"io"
	"os"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Requests of Linux' pseudo terminals; see ioctl_tty(2).
const (
	unlockTerminal   = 0x40045431 // TIOCSPTLCK
	numberOfTerminal = 0x80045430 // TIOCGPTN
	setSize          = 0x5414     // TIOCSWINSZ
)

// terminal opens a pair of pseudo terminals: what a person sees and types, and what the program has.
func terminal(t *testing.T, columns, rows uint16) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = person.Close() })
	control := func(request uintptr, argument unsafe.Pointer) {
		raw, err := person.SyscallConn()
		require.NoError(t, err)
		var errno syscall.Errno
		require.NoError(t, raw.Control(func(fd uintptr) { _, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument)) }))
		require.Zero(t, errno)
	}
	var unlock, number int32
	control(unlockTerminal, unsafe.Pointer(&unlock))
	control(numberOfTerminal, unsafe.Pointer(&number))
	size := [4]uint16{rows, columns}
	control(setSize, unsafe.Pointer(&size))
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return person, program
}

// On a terminal a person is asked, sees the run drawn in place, and the sandbox stays up.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	person, program := terminal(t, 80, 24)
	folder := t.TempDir()
	s := written(t, "web-01", "10.20.0.11")
	p := child(t, roleSandbox, append([]string{"run", s.file}, anyPorts(folder)...)...)
	p.Env = append(p.Env, "TERM=xterm", "NO_COLOR=")
	p.Stdin, p.Stdout, p.Stderr = program, program, program
	require.NoError(t, p.Start())
	require.NoError(t, program.Close())
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(p.out, person) }()
	t.Cleanup(func() { _ = p.Process.Kill() })

	p.says(t, "approve this plan as approver@sandbox? [y/N] ")
	require.NotContains(t, p.out.String(), "counts")
	_, err := person.WriteString("y\n")
	require.NoError(t, err)
	p.says(t, "The sandbox stays up.")
	shown := p.out.String()
	require.Contains(t, shown, "\x1b[32m✓\x1b[0m write the record", "in colour")
	require.Regexp(t, "\x1b\\[[0-9]+F", shown, "drawn in place")
	require.Contains(t, shown, "ProvisionServer\x1b[0m server/web-01: done")
	require.Equal(t, 0, p.ends(t, syscall.SIGINT))
	<-read
	require.Contains(t, p.out.String(), "Stopping ...")
}
