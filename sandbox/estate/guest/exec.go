package guest

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// internal begins the names of what stands in for builtins. No file can be called so by a script's PATH.
const internal = "\x00"

// exec runs a command that is no builtin. There is no next handler: what the guest does not have is not found.
func (h *handlers) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	c := Call{
		Machine: h.machine, Args: args, Stdin: hc.Stdin, Stdout: hc.Stdout, Stderr: hc.Stderr,
		Env: exported(hc.Env), Dir: hc.Dir, User: h.user, umask: umaskOf(hc.Env),
	}
	if c.Stdin == nil {
		c.Stdin = strings.NewReader("")
	}
	var code int
	if name, ok := strings.CutPrefix(args[0], internal); ok {
		code = h.internal(ctx, name, c)
	} else {
		code = h.program(ctx, c, hc)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if code != 0 {
		return interp.ExitStatus(uint8(code)) //nolint:gosec // An exit code is cut to eight bits on a host too.
	}
	return nil
}

func (h *handlers) program(ctx context.Context, c Call, hc interp.HandlerContext) int {
	run, code := h.machine.lookup(c)
	if code == 0 {
		return h.machine.execute(ctx, c, run)
	}
	where := fmt.Sprintf("%s: %d", h.name, hc.Pos.Line())
	text := map[int]string{codeNotFound: "not found", codeRefused: "Permission denied", codeFormat: "Exec format error"}[code]
	if h.variant == syntax.LangBash {
		where = fmt.Sprintf("%s: line %d", h.name, hc.Pos.Line())
		text = strings.Replace(text, "not found", "command not found", 1)
	}
	if code == codeNotFound && strings.Contains(c.Args[0], "/") {
		text = "No such file or directory"
	}
	fmt.Fprintf(c.Stderr, "%s: %s: %s\n", where, c.Args[0], text)
	if code == codeFormat {
		return codeRefused
	}
	return code
}

// Why a program cannot be run. codeFormat is codeRefused to the caller.
const (
	codeRefused  = 126
	codeNotFound = 127
	codeFormat   = 1126
)

// lookup finds what Args[0] names, as execvp(3) does.
func (m *Machine) lookup(c Call) (Command, int) {
	name := c.Args[0]
	if name == "" {
		return nil, codeNotFound
	}
	if strings.Contains(name, "/") {
		return m.load126(c, c.Path(name))
	}
	found := codeNotFound
	for _, dir := range strings.Split(c.Env["PATH"], ":") {
		run, code := m.load126(c, path.Join(c.Path(dir), name))
		if code == 0 {
			return run, 0
		}
		if code != codeNotFound {
			found = code
		}
	}
	return nil, found
}

// load126 reads the file of a program and says what runs it.
func (m *Machine) load126(c Call, at string) (Command, int) {
	v := c.files()
	i, err := v.stat(at)
	if err != nil {
		return nil, codeNotFound
	}
	if !i.Mode().IsRegular() || !v.who.may(i, 1) {
		return nil, codeRefused
	}
	data, err := m.files.as(root).readFile(at)
	if err != nil {
		return nil, codeRefused
	}
	text := string(data)
	if name, ok := strings.CutPrefix(text, marker); ok {
		if run := m.commands[strings.TrimSpace(name)]; run != nil {
			return run, 0
		}
		return nil, codeFormat
	}
	return shebang(text, at)
}

func shebang(text, at string) (Command, int) {
	first, _, _ := strings.Cut(text, "\n")
	words := strings.Fields(strings.TrimPrefix(first, "#!"))
	if !strings.HasPrefix(first, "#!") || len(words) == 0 {
		return nil, codeFormat
	}
	if path.Base(words[0]) == "env" {
		words = words[1:]
	}
	if len(words) == 0 || !strings.Contains(" sh bash dash ", " "+path.Base(words[0])+" ") {
		return nil, codeFormat
	}
	return func(ctx context.Context, c Call) int {
		shell := c
		shell.Args = append(append([]string{}, words...), append([]string{at}, c.Args[1:]...)...)
		return runShell(ctx, shell)
	}, 0
}

// execute runs a program with an entry in the process table, and saves what it changed.
func (m *Machine) execute(ctx context.Context, c Call, run Command) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, done := m.processes.add(c.User, c.Args, cancel)
	m.processes.note(c.User, c.Args, c.Env)
	defer m.save()
	defer done()
	return run(ctx, c)
}

// spawn runs another command for a command (sudo, env, flock, timeout): code as lookup when it cannot be run.
func (c Call) spawn(ctx context.Context, args []string) (exit, why int) {
	c.Args = args
	run, why := c.Machine.lookup(c)
	if why != 0 {
		return 0, why
	}
	return c.Machine.execute(ctx, c, run), 0
}

// runShell is sh, bash and dash.
func runShell(ctx context.Context, c Call) int {
	s := script{
		user: c.User, name: c.Args[0], variant: syntax.LangPOSIX, dir: c.Dir, env: c.Env, umask: c.umask,
		stdin: c.Stdin, stdout: c.Stdout, stderr: c.Stderr,
	}
	if path.Base(c.Args[0]) == "bash" {
		s.variant = syntax.LangBash
	}
	command, rest, ok := shellFlags(c, &s)
	if !ok {
		return 2
	}
	switch {
	case command && len(rest) == 0:
		return c.Fail(2, "-c requires an argument")
	case command:
		s.text, rest = rest[0], rest[1:]
		if len(rest) > 0 {
			s.name, rest = rest[0], rest[1:]
		}
	case len(rest) > 0 && !s.fromInput:
		data, err := c.ReadFile(rest[0])
		if err != nil {
			return c.Fail(codeNotFound, "0: cannot open %s: %s", rest[0], reason(err))
		}
		s.text, s.name, rest = string(data), rest[0], rest[1:]
	default:
		data, err := io.ReadAll(io.LimitReader(c.Stdin, maxScript+1))
		if err != nil {
			return c.Fail(2, "reading the script: %s", reason(err))
		}
		s.text, s.stdin = string(data), strings.NewReader("")
	}
	s.params = rest
	return c.Machine.run(ctx, s)
}

// shellFlags reads the flags of sh: -c, -s and those of set.
func shellFlags(c Call, s *script) (command bool, rest []string, ok bool) {
	rest = c.Args[1:]
	for len(rest) > 0 && len(rest[0]) > 1 && rest[0][0] == '-' {
		word := rest[0]
		rest = rest[1:]
		if word == "--" {
			break
		}
		for _, flag := range word[1:] {
			switch {
			case flag == 'c':
				command = true
			case strings.ContainsRune("eufx", flag):
				s.flags = append(s.flags, "-"+string(flag))
			case flag == 'o' && len(rest) > 0:
				s.flags = append(s.flags, "-o", rest[0])
				rest = rest[1:]
			case flag == 's':
				s.fromInput = true
			case flag != 'l' && flag != 'i':
				c.Fail(2, "0: Illegal option -%c", flag)
				return false, nil, false
			}
		}
	}
	return command, rest, true
}
