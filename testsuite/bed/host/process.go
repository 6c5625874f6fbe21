package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// searchPath is where daemons are looked for: a person's PATH often lacks the sbin folders.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Daemon says how a daemon is started. It has to stay in the foreground.
type Daemon struct {
	Name      string // As in messages; the program is Args[0].
	Args      []string
	Env       []string // NAME=value, besides PATH, HOME and LC_ALL.
	Dir       string   // Working folder; empty: the root folder.
	Namespace string   // Network namespace, as in `ip netns`; empty: the machine's own.
	User      string   // Account; empty: root.
	Isolated  bool     // With mounts, processes and a host name of its own; what it mounts and starts ends with it.
	Log       string   // File for both outputs, appended to; empty: thrown away.
	// Ready tells whether the daemon serves; Start asks again until it returns nil. Nil: ready as soon as it is started.
	Ready func(ctx context.Context) error
	Grace time.Duration // Between TERM and KILL; 0: twenty seconds, as a server finishes what it was asked while much else is tested.
}

// Process is a running daemon and what it started in its group.
type Process struct {
	daemon Daemon
	cmd    *exec.Cmd
	done   chan struct{}
	err    error // How it ended; set before done is closed.
}

// Start starts a daemon and waits until it is ready. The context bounds the waiting, not the daemon's life.
func Start(ctx context.Context, d Daemon) (*Process, error) {
	p := &Process{daemon: d, done: make(chan struct{})}
	log, err := p.prepare(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", d.Name, err)
	}
	if log != nil {
		defer func() { _ = log.Close() }()
	}
	if err := spawn(p.cmd, d.Namespace); err != nil {
		return nil, fmt.Errorf("starting %s: %w", d.Name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if d.Ready == nil {
		return p, nil
	}
	if err := p.Await(ctx, d.Ready); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Process) prepare(ctx context.Context) (log *os.File, err error) {
	program, err := find(p.daemon.Args[0])
	if err != nil {
		return nil, err
	}
	credential, home, err := account(p.daemon.User)
	if err != nil {
		return nil, err
	}
	//nolint:gosec // The bed chooses its own daemons.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, p.daemon.Args[1:]...)
	cmd.Args[0] = p.daemon.Args[0]
	cmd.Env = append([]string{"PATH=" + searchPath, "HOME=" + home, "LC_ALL=C.UTF-8", mark}, p.daemon.Env...)
	cmd.Dir = p.daemon.Dir
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.SysProcAttr = attributes(credential, p.daemon.Isolated)
	if p.daemon.Log != "" {
		log, err = os.OpenFile(p.daemon.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // Logs of a test.
		if err != nil {
			return nil, err
		}
		cmd.Stdout, cmd.Stderr = log, log
	}
	p.cmd = cmd
	return log, nil
}

// find looks for a program where daemons are.
func find(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	for _, folder := range filepath.SplitList(searchPath) {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("finding %q in %s: %w", name, searchPath, exec.ErrNotFound)
}

// Await asks again and again whether the daemon is ready. One that has died or is not ready in time is stopped.
func (p *Process) Await(ctx context.Context, ready func(context.Context) error) error {
	if err := p.await(ctx, ready); err != nil {
		return errors.Join(fmt.Errorf("starting %s: %w%s", p.daemon.Name, err, p.lastWords()), p.Stop())
	}
	return nil
}

func (p *Process) await(ctx context.Context, ready func(context.Context) error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended before it was ready: %w", p.ended())
		case <-ctx.Done():
			return fmt.Errorf("waiting until it is ready: %w: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

// Pid is the daemon's process id, also that of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the daemon has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends a signal to the daemon alone.
func (p *Process) Signal(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("sending %s to %s: %w", signal, p.daemon.Name, err)
	}
	return nil
}

// Kill kills the daemon and its group at once, as a power cut would, and waits.
func (p *Process) Kill() {
	p.group(syscall.SIGKILL)
	<-p.done
}

// Stop ends the daemon and its group: TERM, some seconds later KILL. It waits. What has ended already is no error.
func (p *Process) Stop() error {
	grace := p.daemon.Grace
	if grace == 0 {
		grace = 20 * time.Second
	}
	p.group(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.group(syscall.SIGKILL)
		<-p.done
		return fmt.Errorf("stopping %s: it did not end within %s of TERM and was killed%s", p.daemon.Name, grace, p.lastWords())
	}
	p.group(syscall.SIGKILL) // Children that outlived their parent.
	return nil
}

func (p *Process) group(signal syscall.Signal) { _ = syscall.Kill(-p.Pid(), signal) }

// ended says how the daemon ended; an end without an error is one too, for somebody who waits for it to serve.
func (p *Process) ended() error {
	if p.err != nil {
		return p.err
	}
	return errors.New("exit status 0")
}

// Tail returns the last lines of the daemon's log.
func (p *Process) Tail(lines int) string {
	data, err := os.ReadFile(p.daemon.Log)
	if err != nil {
		return ""
	}
	return tail(string(data), lines)
}

func (p *Process) lastWords() string {
	if words := p.Tail(20); words != "" {
		return "\nits last words:\n" + words
	}
	return ""
}
