package guest

import (
	"context"
	"fmt"
	"io"
)

// Command is an emulated program. It answers its exit code and writes what the real one would write.
type Command func(ctx context.Context, c Call) int

// Call is one run of a command.
type Call struct {
	Machine *Machine
	Args    []string // The name is Args[0].
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Env     map[string]string // Exported variables.
	Dir     string            // Absolute, in the guest.
	User    string            // Who runs it; "root" behind sudo.

	umask uint32
}

// Fail writes "name: text" to the error output and returns code.
func (c Call) Fail(code int, format string, args ...any) int {
	fmt.Fprintf(c.Stderr, "%s: %s\n", c.Args[0], fmt.Sprintf(format, args...))
	return code
}

// Print writes to the output.
func (c Call) Print(format string, args ...any) { fmt.Fprintf(c.Stdout, format, args...) }

// Root reports whether the command runs as root.
func (c Call) Root() bool { return c.User == "root" }

// Path makes a path absolute, seen from the command's folder.
func (c Call) Path(name string) string { return absolute(c.Dir, name) }

// ReadFile reads a file of the guest with the rights of the command's user. "-" and /dev/stdin are the input.
func (c Call) ReadFile(name string) ([]byte, error) {
	if name == "-" || name == "/dev/stdin" {
		return io.ReadAll(c.Stdin)
	}
	return c.files().readFile(c.Path(name))
}

// WriteFile writes a file of the guest with the rights of the command's user, keeping the mode of one that exists.
func (c Call) WriteFile(name string, data []byte, mode uint32) error {
	return c.files().writeFile(c.Path(name), data, mode&^c.umask)
}

func (c Call) files() view { return c.Machine.files.as(c.Machine.account(c.User)) }
