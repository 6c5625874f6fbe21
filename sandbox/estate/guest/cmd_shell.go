package guest

import (
	"context"
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shellCommands are the shells, and the builtins that exist as programs too.
func shellCommands() map[string]Command {
	all := map[string]Command{"sh": runShell, "bash": runShell, "dash": runShell}
	for _, name := range []string{"echo", "printf", "test", "[", "pwd"} {
		all[name] = asBuiltin
	}
	all["which"] = which
	all["true"] = func(context.Context, Call) int { return 0 }
	all["false"] = func(context.Context, Call) int { return 1 }
	all["nologin"] = func(_ context.Context, c Call) int {
		c.Print("This account is currently not available.\n")
		return 1
	}
	return all
}

// asBuiltin runs the shell's builtin of the same name: sudo echo, env printf, flock FILE test.
func asBuiltin(ctx context.Context, c Call) int {
	name := path.Base(c.Args[0])
	params := c.Args[1:]
	text := name + ` "$@"`
	if name == "[" {
		text = `test "$@"`
		if len(params) == 0 || params[len(params)-1] != "]" {
			return c.Fail(2, "missing ‘]’")
		}
		params = params[:len(params)-1]
	}
	return c.Machine.run(ctx, script{
		user: c.User, name: name, text: text, params: params, variant: syntax.LangBash, dir: c.Dir, env: c.Env, umask: c.umask,
		stdin: strings.NewReader(""), stdout: c.Stdout, stderr: c.Stderr,
	})
}

func which(_ context.Context, c Call) int {
	code := 0
	for _, name := range c.Args[1:] {
		at, ok := c.where(name)
		if !ok {
			code = 1
			continue
		}
		c.Print("%s\n", at)
	}
	return code
}
