package guest

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// logins are the SSH connections that are open, and who has them.
type logins struct {
	mu   sync.Mutex
	open map[*login]bool
}

// login is one connection; end cuts it and stops what it runs.
type login struct {
	user string
	end  func()
}

func (l *logins) add(user string, end func()) (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*login]bool{}
	}
	one := &login{user: user, end: end}
	l.open[one] = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, one)
	}
}

// end ends all of a user's, and reports whether there were any.
func (l *logins) end(user string) bool {
	l.mu.Lock()
	var theirs []*login
	for one := range l.open {
		if one.user == user {
			theirs = append(theirs, one)
			delete(l.open, one)
		}
	}
	l.mu.Unlock()
	for _, one := range theirs {
		one.end()
	}
	return len(theirs) > 0
}

func (l *logins) has(user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for one := range l.open {
		if one.user == user {
			return true
		}
	}
	return false
}

// busy reports whether a user is logged in or runs anything.
func (m *Machine) busy(user string) bool {
	return m.logins.has(user) || slices.ContainsFunc(m.processes.list(), func(p process) bool { return p.user == user })
}

// pkill ends what a user runs, sessions included. It knows -u alone.
func pkill(_ context.Context, c Call) int {
	args := slices.DeleteFunc(slices.Clone(c.Args[1:]), func(a string) bool { return slices.Contains([]string{"-KILL", "-9", "-TERM", "-15"}, a) })
	f, err := getopt(args, "u: euid:")
	if err != nil || len(f.args) > 0 || !f.has("u", "euid") {
		return c.Fail(2, "only -u is supported here")
	}
	user := f.value("u", "euid")
	if !c.Root() && c.User != user {
		return c.Fail(1, "killing processes of %s failed: Operation not permitted", user)
	}
	found := c.Machine.logins.end(user)
	for _, p := range c.Machine.processes.list() {
		if p.user == user {
			p.cancel()
			found = true
		}
	}
	return map[bool]int{true: 0, false: 1}[found]
}

// pgrep finds processes by their command line, or by -u their user, whose sessions count.
func pgrep(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "f x a l u: euid:")
	if err != nil || len(f.args) > 1 || len(f.args) == 0 && !f.has("u", "euid") {
		return c.Fail(2, "one pattern is needed")
	}
	user, pattern, code := f.value("u", "euid"), strings.Join(f.args, ""), 1
	if user != "" && pattern == "" && c.Machine.logins.has(user) {
		c.Print("%d\n", 1)
		code = 0
	}
	for _, p := range c.Machine.processes.list() {
		if strings.Contains(strings.Join(p.args, " "), pattern) && (user == "" || p.user == user) && !slices.Equal(p.args, c.Args) {
			c.Print("%d\n", p.pid)
			code = 0
		}
	}
	return code
}
