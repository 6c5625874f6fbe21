package nftables

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

// host is a machine in memory: files, a shell without a way out, and the commands that the driver uses.
type host struct {
	mu       sync.Mutex
	files    map[string][]byte
	readOnly bool
	down     bool
	lose     int // Lose the answer of the n-th command under a lock from now on.
	locks    chan struct{}
	commands map[string]func(h *host, args []string, in io.Reader, out, errs io.Writer) int
	onRun    func(cmd sshx.Command) // Called before a command that holds a lock.
}

func newHost() *host {
	h := &host{files: map[string][]byte{}, locks: make(chan struct{}, 1)}
	h.commands = map[string]func(*host, []string, io.Reader, io.Writer, io.Writer) int{
		"cat": cat, "cp": cp, "mv": mv, "rm": rm, "sha256sum": sha256sum,
	}
	return h
}

func (h *host) Close() error { return nil }

func (h *host) Run(ctx context.Context, cmd sshx.Command) (sshx.Result, error) {
	h.mu.Lock()
	down := h.down
	h.mu.Unlock()
	if down || ctx.Err() != nil {
		return sshx.Result{}, fault.New(fault.Unavailable, "no route to host")
	}
	if cmd.Lock != "" {
		h.before(cmd)
		if ctx.Err() != nil {
			return sshx.Result{}, fault.New(fault.Unavailable, "the command was not started")
		}
		h.locks <- struct{}{}
		defer func() { <-h.locks }()
	}
	var out, errs bytes.Buffer
	exit, err := h.shell(cmd, &out, &errs)
	if err != nil {
		return sshx.Result{}, err
	}
	if cmd.Lock != "" && h.loses() {
		return sshx.Result{}, fault.New(fault.Ambiguous, "the connection was lost while a command ran")
	}
	return sshx.Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), Exit: exit}, nil
}

func (h *host) before(cmd sshx.Command) {
	h.mu.Lock()
	f := h.onRun
	h.onRun = nil
	h.mu.Unlock()
	if f != nil {
		f(cmd)
	}
}

func (h *host) loses() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lose == 0 {
		return false
	}
	h.lose--
	return h.lose == 0
}

func (h *host) shell(cmd sshx.Command, out, errs io.Writer) (int, error) {
	script := cmd.Script
	if script == "" {
		quoted := make([]string, len(cmd.Argv))
		for i, word := range cmd.Argv {
			quoted[i] = sshx.Quote(word)
		}
		script = strings.Join(quoted, " ")
	}
	program, err := syntax.NewParser().Parse(strings.NewReader(script), "script")
	if err != nil {
		return 0, err
	}
	runner, err := interp.New(
		interp.StdIO(cmd.Stdin, out, errs), interp.Params(append([]string{"--"}, cmd.Args...)...),
		interp.Env(nil), interp.Dir("/"),
		interp.OpenHandler(func(_ context.Context, path string, flag int, _ os.FileMode) (io.ReadWriteCloser, error) {
			return h.open(path, flag)
		}),
		interp.StatHandler(func(_ context.Context, name string, _ bool) (fs.FileInfo, error) { return h.stat(name) }),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
			return func(ctx context.Context, args []string) error {
				hc := interp.HandlerCtx(ctx)
				run, ok := h.commands[args[0]]
				if !ok {
					fmt.Fprintf(hc.Stderr, "%s: not found\n", args[0])
					return interp.ExitStatus(127)
				}
				return status(run(h, args[1:], hc.Stdin, hc.Stdout, hc.Stderr))
			}
		}),
	)
	if err != nil {
		return 0, err
	}
	err = runner.Run(context.Background(), program) // A remote command goes on when its caller is gone.
	var exit interp.ExitStatus
	if errors.As(err, &exit) {
		return int(exit), nil
	}
	return 0, err
}

func status(code int) error {
	if code == 0 {
		return nil
	}
	return interp.ExitStatus(code)
}

func (h *host) read(name string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	data, ok := h.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(data), nil
}

func (h *host) write(name string, data []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readOnly {
		return &fs.PathError{Op: "open", Path: name, Err: syscall.EROFS}
	}
	h.files[name] = bytes.Clone(data)
	return nil
}

type handle struct {
	io.Reader
	host *host
	name string
	data []byte
}

func (f *handle) Write(p []byte) (int, error) {
	f.data = append(f.data, p...)
	return len(p), f.host.write(f.name, f.data)
}
func (f *handle) Close() error { return nil }

func (h *host) open(name string, flag int) (io.ReadWriteCloser, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		data, err := h.read(name)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
		}
		return &handle{Reader: bytes.NewReader(data), host: h, name: name}, nil
	}
	return &handle{Reader: strings.NewReader(""), host: h, name: name}, h.write(name, nil)
}

type info struct{ name string }

func (i info) Name() string     { return i.name }
func (info) Size() int64        { return 1 }
func (info) Mode() fs.FileMode  { return 0o644 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }

func (h *host) stat(name string) (fs.FileInfo, error) {
	if _, err := h.read(name); err != nil {
		return nil, err
	}
	return info{name}, nil
}

func cat(h *host, args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 {
		_, _ = io.Copy(out, in)
		return 0
	}
	data, err := h.read(args[0])
	if err != nil {
		fmt.Fprintf(errs, "cat: %s: No such file or directory\n", args[0])
		return 1
	}
	_, _ = out.Write(data)
	return 0
}

func cp(h *host, args []string, _ io.Reader, _, errs io.Writer) int {
	data, err := h.read(args[len(args)-2])
	if err == nil {
		err = h.write(args[len(args)-1], data)
	}
	return say(errs, "cp", err)
}

func mv(h *host, args []string, _ io.Reader, _, errs io.Writer) int {
	from, to := args[len(args)-2], args[len(args)-1]
	data, err := h.read(from)
	if err == nil {
		err = h.write(to, data)
	}
	if err == nil {
		h.mu.Lock()
		delete(h.files, from)
		h.mu.Unlock()
	}
	return say(errs, "mv", err)
}

func rm(h *host, args []string, _ io.Reader, _, _ io.Writer) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.files, args[len(args)-1])
	return 0
}

func sha256sum(h *host, args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 {
		data, _ := io.ReadAll(in)
		fmt.Fprintf(out, "%x  -\n", sha256.Sum256(data))
		return 0
	}
	data, err := h.read(args[0])
	if err == nil {
		fmt.Fprintf(out, "%x  %s\n", sha256.Sum256(data), args[0])
	}
	return say(errs, "sha256sum", err)
}

func say(errs io.Writer, name string, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(errs, "%s: %v\n", name, err)
	return 1
}

func TestHostShell(t *testing.T) {
	t.Parallel()
	h := newHost()
	r, err := h.Run(t.Context(), sshx.Command{Script: `cat > "$1" && cat "$1"`, Args: []string{"/a"}, Stdin: strings.NewReader("x")})
	if err != nil || string(r.Stdout) != "x" {
		t.Fatalf("%v %+v", err, r)
	}
}
