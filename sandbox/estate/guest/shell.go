package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// maxScript is the longest script that is parsed, in bytes. Parser and interpreter recurse; the limit keeps them from
// ending the whole process.
const maxScript = 256 << 10

// script is one run of a shell.
type script struct {
	user   string
	name   string // $0
	text   string
	flags  []string // "-e", "-u": as the shell was called.
	params []string
	// fromInput: the script is standard input although there are arguments (sh -s).
	fromInput bool
	variant   syntax.LangVariant // LangPOSIX for sh, LangBash for bash.
	dir       string
	env       map[string]string
	umask     uint32
	stdin     io.Reader
	stdout    io.Writer
	stderr    io.Writer
}

// Exec runs a script as root in the machine's shell and answers its output (both streams) and exit code. It is for
// judges in tests: the very shell that SSH gives.
func (m *Machine) Exec(ctx context.Context, text string) (string, int) {
	var output lockedBuffer
	defer m.save()
	code := m.run(ctx, script{
		user: "root", name: "bash", text: text, variant: syntax.LangBash, dir: "/root", env: m.environment(root), umask: 0o022,
		stdin: strings.NewReader(""), stdout: &output, stderr: &output,
	})
	return output.String(), code
}

// run interprets a script and answers its exit code.
func (m *Machine) run(ctx context.Context, s script) (code int) {
	defer func() {
		if p := recover(); p != nil { // A fault of the interpreter ends this shell, not the sandbox.
			fmt.Fprintf(s.stderr, "%s: internal error: %v\n", s.name, p)
			code = 2
		}
	}()
	if len(s.text) > maxScript {
		fmt.Fprintf(s.stderr, "%s: script longer than %d bytes\n", s.name, maxScript)
		return 2
	}
	parsed, err := syntax.NewParser(syntax.Variant(s.variant)).Parse(strings.NewReader(s.text), s.name)
	if err != nil {
		fmt.Fprintf(s.stderr, "%s: %v\n", s.name, err)
		return 2
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pid, done := m.processes.add(s.user, append([]string{s.name}, s.params...), cancel)
	defer done()
	hideHost(parsed)
	if s.variant == syntax.LangPOSIX {
		declareInPOSIX(parsed)
	}
	stdin, release, err := pipeFrom(s.stdin)
	if err != nil {
		fmt.Fprintf(s.stderr, "%s: %v\n", s.name, err)
		return 2
	}
	defer release()
	runner, err := m.runner(s, stdin, pid)
	if err != nil {
		fmt.Fprintf(s.stderr, "%s: %v\n", s.name, err)
		return 2
	}
	return exitCode(runner.Run(ctx, parsed), s)
}

func exitCode(err error, s script) int {
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return 137 // As killed: the machine was switched off, or the session closed.
	}
	fmt.Fprintf(s.stderr, "%s: %v\n", s.name, err)
	return 2
}

// runner makes the interpreter with every door replaced.
func (m *Machine) runner(s script, stdin *os.File, pid int) (*interp.Runner, error) {
	h := &handlers{machine: m, user: s.user, variant: s.variant, name: s.name}
	env := &environ{vars: s.env, homes: m.homeOf, pid: pid, uid: m.account(s.user), umask: s.umask}
	runner, err := interp.New(
		interp.Env(env),
		interp.Dir("/"), // The one folder that is everywhere; it is replaced below before anything runs.
		interp.StdIO(stdin, s.stdout, s.stderr),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return h.exec }),
		interp.CallHandler(h.call),
		interp.OpenHandler(h.open),
		interp.ReadDirHandler2(h.readDir),
		interp.StatHandler(h.stat),
		interp.AccessHandler(h.access),
		interp.Params(append(append([]string{}, s.flags...), append([]string{"--"}, s.params...)...)...),
	)
	if err != nil {
		return nil, fmt.Errorf("making the shell: %w", err)
	}
	runner.Dir = s.dir
	runner.Reset()
	env.sealed = true
	return runner, nil
}

// hideHost replaces the two parameters that the interpreter answers with numbers of the real process: $$ and $PPID.
func hideHost(parsed *syntax.File) {
	names := map[string]string{"$": pidVariable, "PPID": ppidVariable}
	syntax.Walk(parsed, func(node syntax.Node) bool {
		if p, ok := node.(*syntax.ParamExp); ok && p.Param != nil && names[p.Param.Value] != "" {
			p.Param.Value = names[p.Param.Value]
			p.Short = false
		}
		return true
	})
}

// pipeFrom gives the interpreter the os.File it wants for input: a pipe, or the file that is one already.
func pipeFrom(in io.Reader) (*os.File, func(), error) {
	if f, ok := in.(*os.File); ok && f != nil {
		return f, func() {}, nil
	}
	if in == nil {
		in = strings.NewReader("")
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("making a pipe: %w", err)
	}
	go func() {
		_, _ = io.Copy(writer, in) // Ends with the input, or with the reader: nobody is left to be told.
		_ = writer.Close()
	}()
	return reader, func() { _ = reader.Close() }, nil
}

// environment is what a login of the account starts with. Nothing of the real machine's environment is in it.
func (m *Machine) environment(a account) map[string]string {
	path := "/usr/local/bin:/usr/bin:/bin"
	if a.uid == 0 {
		path = securePath
	}
	return map[string]string{"PATH": path, "HOME": a.home, "USER": a.name, "LOGNAME": a.name, "SHELL": a.shell, "LANG": "C.UTF-8"}
}

// securePath is root's PATH, and what sudo sets.
const securePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (m *Machine) homeOf(user string) (string, bool) {
	a, ok := m.lookupUser(user)
	return a.home, ok
}
