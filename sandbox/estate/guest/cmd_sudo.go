package guest

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// sudo runs a command as root, or as -u says, if sudoers lets the user without a password.
func sudo(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "+n non-interactive E preserve-env? u: user: H k v l")
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	as := cmpOr(f.value("u", "user"), root.name)
	who, known := c.Machine.lookupUser(as)
	env := c.Machine.environment(who)
	env["PATH"], env["SUDO_USER"] = securePath, c.User
	if f.has("E", "preserve-env") {
		for key, value := range c.Env {
			if _, set := env[key]; !set {
				env[key] = value
			}
		}
	}
	rest := f.args
	for len(rest) > 0 && strings.Contains(rest[0], "=") && !strings.HasPrefix(rest[0], "=") { // sudo VAR=value command.
		key, value, _ := strings.Cut(rest[0], "=")
		env[key], rest = value, rest[1:]
	}
	switch {
	case !c.allowed(as, rest):
		if f.has("n", "non-interactive") {
			return c.Fail(1, "a password is required")
		}
		return c.Fail(1, "a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required")
	case !known:
		return c.Fail(1, "unknown user %s", as)
	case len(rest) == 0:
		return map[bool]int{true: 0, false: 1}[f.has("v", "k", "l")]
	}
	c.Env, c.User = env, who.name
	return c.become(ctx, "sudo", rest)
}

// allowed asks sudoers for the program that a command line names. An account that is locked out may nothing.
func (c Call) allowed(as string, command []string) bool {
	user := c.Machine.account(c.User)
	if len(command) == 0 {
		return c.Machine.maySudo(user, as, "", nil)
	}
	if c.Machine.lockedOut(user.name) {
		return false
	}
	return c.Machine.maySudo(user, as, c.Machine.which(c, command[0]), command[1:])
}

// which is the path of a program as sudo finds it.
func (m *Machine) which(c Call, name string) string {
	if strings.Contains(name, "/") {
		return c.Path(name)
	}
	v := m.files.as(root)
	for _, dir := range strings.Split(securePath, ":") {
		if at := path.Join(dir, name); v.exists(at) {
			return at
		}
	}
	return name
}

// become runs a command as the user that the call has already.
func (c Call) become(ctx context.Context, by string, command []string) int {
	exit, why := c.spawn(ctx, command)
	switch why {
	case 0:
		return exit
	case codeNotFound:
		fmt.Fprintf(c.Stderr, "%s: %s: command not found\n", by, command[0])
	default:
		fmt.Fprintf(c.Stderr, "%s: unable to execute %s: Permission denied\n", by, command[0])
	}
	return 1
}

// runuser runs a command as another user, for root alone.
func runuser(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "+u: user:")
	if err != nil || !f.has("u", "user") || len(f.args) == 0 {
		return c.Fail(1, "expected -u USER COMMAND")
	}
	who, known := c.Machine.lookupUser(f.value("u", "user"))
	switch {
	case !c.Root():
		return c.Fail(1, "may not be used by non-root users")
	case !known:
		return c.Fail(1, "user %s does not exist", f.value("u", "user"))
	}
	c.User = who.name
	return c.become(ctx, "runuser", f.args)
}
