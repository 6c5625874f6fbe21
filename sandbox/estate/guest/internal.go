package guest

import (
	"context"
	"fmt"
	"path"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// internal runs what stands in for a builtin.
func (h *handlers) internal(_ context.Context, name string, c Call) int {
	switch name {
	case "which":
		return h.which(c)
	case "type":
		return h.kind(c)
	case "pwd":
		return h.pwd(c)
	case "kill":
		c.Args[0] = "kill"
		return kill(c)
	case "refuse":
		fmt.Fprintln(c.Stderr, strings.Join(c.Args[1:], " "))
		return 2
	}
	fmt.Fprintf(c.Stderr, "%s: %s: not found\n", h.name, name)
	return codeNotFound
}

// where finds a program's path, as command -v prints it.
func (c Call) where(name string) (string, bool) {
	if strings.Contains(name, "/") {
		i, err := c.files().stat(c.Path(name))
		return name, err == nil && !i.IsDir() && c.files().who.may(i, 1)
	}
	for _, dir := range strings.Split(c.Env["PATH"], ":") {
		at := path.Join(c.Path(dir), name)
		if i, err := c.files().stat(at); err == nil && i.Mode().IsRegular() && c.files().who.may(i, 1) {
			return at, true
		}
	}
	return "", false
}

func (h *handlers) which(c Call) int {
	code := 0
	for _, name := range c.Args[1:] {
		if interp.IsBuiltin(name) {
			c.Print("%s\n", name)
			continue
		}
		at, ok := c.where(name)
		if !ok {
			code = codeNotFound
			continue
		}
		c.Print("%s\n", at)
	}
	return code
}

func (h *handlers) kind(c Call) int {
	code := 0
	for _, name := range c.Args[1:] {
		at, found := c.where(name)
		switch {
		case strings.HasPrefix(name, "-"):
		case interp.IsBuiltin(name):
			c.Print("%s is a shell builtin\n", name)
		case found:
			c.Print("%s is %s\n", name, at)
		default:
			c.Print("%s: not found\n", name)
			code = codeNotFound
		}
	}
	return code
}

func (h *handlers) pwd(c Call) int {
	at := c.Args[1]
	for _, flag := range c.Args[2:] {
		switch flag {
		case "-P":
			p, err := c.files().find("pwd", at, true)
			if err != nil {
				fmt.Fprintf(c.Stderr, "pwd: %s\n", reason(err))
				return 1
			}
			at = p.path
		case "-L":
		default:
			fmt.Fprintf(c.Stderr, "pwd: Illegal option %s\n", flag)
			return 2
		}
	}
	c.Print("%s\n", path.Clean(at))
	return 0
}
