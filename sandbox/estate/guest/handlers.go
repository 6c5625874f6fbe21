package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// maxFrames is how deep a shell's functions may call each other, in frames of the interpreter.
const maxFrames = 20000

// maxGlob is how many folders the patterns of one command may read. A ** follows links, and a link to / never ends.
const maxGlob = 1000

// handlers are the interpreter's doors. Each leads into the guest only.
type handlers struct {
	machine *Machine
	user    string
	variant syntax.LangVariant
	name    string
	globbed atomic.Int64 // Folders that patterns read since the last command.
}

func (h *handlers) view() view { return h.machine.files.as(h.machine.account(h.user)) }

func (h *handlers) open(ctx context.Context, name string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	hc := interp.HandlerCtx(ctx)
	name = strings.TrimPrefix(name, nowhere)
	if name == "" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	switch name {
	case "/dev/stdin", "/dev/stdout", "/dev/stderr":
		return stream(hc, name)
	}
	return h.view().open(absolute(hc.Dir, name), flag, uint32(perm.Perm())&^umaskOf(hc.Env))
}

// stream gives a shell its own input and outputs under their names.
func stream(hc interp.HandlerContext, name string) (io.ReadWriteCloser, error) {
	in, out := hc.Stdin, hc.Stdout
	if name == "/dev/stderr" {
		out = hc.Stderr
	}
	if in == nil {
		in = strings.NewReader("")
	}
	return struct {
		io.Reader
		io.Writer
		io.Closer
	}{in, out, nothing{}}, nil
}

func (h *handlers) readDir(ctx context.Context, name string) ([]fs.DirEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if h.globbed.Add(1) > maxGlob {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENFILE}
	}
	return h.view().readDir(absolute(interp.HandlerCtx(ctx).Dir, name))
}

func (h *handlers) stat(ctx context.Context, name string, follow bool) (fs.FileInfo, error) {
	if name == "" {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: syscall.ENOENT}
	}
	v, name := h.view(), absolute(interp.HandlerCtx(ctx).Dir, name)
	get := v.lstat
	if follow {
		get = v.stat
	}
	i, err := get(name)
	if err != nil {
		return nil, err // Not i: a nil *info is not a nil fs.FileInfo.
	}
	return i, nil
}

func (h *handlers) access(_ context.Context, name string, mode interp.AccessMode) error {
	v := h.view()
	i, err := v.stat(name)
	if err != nil {
		return err
	}
	if !v.who.may(i, fs.FileMode(mode)) {
		return &fs.PathError{Op: "access", Path: name, Err: syscall.EACCES}
	}
	return nil
}

// call sees every simple command, builtins too, and takes those apart that would ask the real machine.
func (h *handlers) call(ctx context.Context, args []string) ([]string, error) {
	h.globbed.Store(0)
	var deep [1]uintptr
	if runtime.Callers(maxFrames, deep[:]) > 0 {
		return nil, errors.New("maximum function nesting level exceeded")
	}
	size := 0
	for _, arg := range args {
		size += len(arg)
	}
	if size > maxScript {
		return nil, fmt.Errorf("%s: Argument list too long", args[0])
	}
	if changed := h.rewrite(ctx, args); changed != nil {
		return changed, nil
	}
	return args, nil
}

// rewrite answers what is run instead of a builtin; nil: the builtin itself.
func (h *handlers) rewrite(ctx context.Context, args []string) []string {
	hc := interp.HandlerCtx(ctx)
	switch args[0] {
	case "command", "builtin":
		return h.rewriteCommand(ctx, args)
	case "type", "kill", "ulimit":
		return append([]string{internal + args[0]}, args[1:]...)
	case "pwd":
		if len(args) > 1 {
			return append([]string{internal + "pwd", hc.Dir}, args[1:]...)
		}
	case "source", ".":
		if len(args) > 1 {
			return append([]string{args[0], nowhere + h.sourced(hc, args[1])}, args[2:]...)
		}
	case "trap":
		return trapped(args)
	case "umask":
		return masked(hc, args)
	}
	return nil
}

func (h *handlers) rewriteCommand(ctx context.Context, args []string) []string {
	rest := args[1:]
	for len(rest) > 0 && (rest[0] == "--" || rest[0] == "-p" && args[0] == "command") {
		rest = rest[1:]
	}
	switch {
	case len(rest) == 0:
		return nil
	case args[0] == "command" && (rest[0] == "-v" || rest[0] == "-V" || rest[0] == "-pv"):
		return append([]string{internal + "which"}, rest[1:]...)
	}
	if changed := h.rewrite(ctx, rest); changed != nil {
		return changed
	}
	return append([]string{args[0]}, rest...)
}

// sourced finds the file that source and . read: by PATH, else in the current folder.
func (h *handlers) sourced(hc interp.HandlerContext, name string) string {
	if !strings.Contains(name, "/") {
		for _, dir := range strings.Split(hc.Env.Get("PATH").String(), ":") {
			at := path.Join(absolute(hc.Dir, dir), name)
			if i, err := h.view().stat(at); err == nil && i.Mode().IsRegular() {
				return at
			}
		}
	}
	return absolute(hc.Dir, name)
}

// trapped leaves EXIT and ERR of a trap's conditions: signals do not exist here.
func trapped(args []string) []string {
	if len(args) < 3 {
		return nil
	}
	conditions := slices.Clone(args[2:])
	for i, condition := range conditions {
		if condition == "0" {
			conditions[i] = "EXIT"
		}
	}
	conditions = slices.DeleteFunc(conditions, func(c string) bool { return c != "EXIT" && c != "ERR" && signalName(c) })
	if len(conditions) == 0 {
		return []string{"true"}
	}
	return append(args[:2:2], conditions...)
}

func signalName(name string) bool {
	known := " HUP INT QUIT TERM USR1 USR2 PIPE ALRM CHLD 1 2 3 13 14 15 "
	return strings.Contains(known, " "+strings.TrimPrefix(name, "SIG")+" ")
}

// masked keeps the umask in a variable, so that it ends with a subshell as the real one does.
func masked(hc interp.HandlerContext, args []string) []string {
	if len(args) == 1 {
		return []string{"printf", "%04o\n", fmt.Sprint(umaskOf(hc.Env))}
	}
	mask := args[1]
	if len(args) > 2 || mask == "" || len(mask) > 4 || strings.Trim(mask, "01234567") != "" {
		return []string{internal + "refuse", "umask: " + mask + ": invalid mode"}
	}
	return []string{"eval", umaskVariable + "=" + mask}
}
