package ansible

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/sshx"
)

// patience is how long a guest may take to let go of the lock behind a play.
const patience = 5 * time.Second

// Words of holdScript.
const (
	held = "held"
	busy = "busy"
)

// holdScript runs as root on the guest for as long as a play takes. $1 says who plays, $2 is how many seconds it waits for a
// lock. Its input ends when the worker and all that it started for this play are gone; it keeps the lock until the last module
// has ended too, also where the connection broke and nobody waits for it.
const holdScript = `set -u
who() { echo busy; head -c 300 "$play" 2>/dev/null; exit 75; }
play=` + playLock + `
exec 8>>` + sshx.GuestLock + `
flock -w "$2" 8 || who
exec 9>>"$play"
chmod 0644 "$play"
flock -w "$2" 9 || who
flock -u 9
exec 9>&-
printf '%s\n' "$1" > "$play"
trap ': > "$play"' EXIT
echo held
cat > /dev/null
exec 9>>"$play"
flock 9
`

// connection is the one SSH connection of a play. It holds the guest's lock, and Ansible's sessions run inside it.
type connection struct {
	master *exec.Cmd
	// Alive is the end of a pipe that holdScript reads: whoever has it keeps the lock.
	alive *os.File
	mu    sync.Mutex
	over  bool // The master has ended: its number may be somebody else's by now.
}

// connect logs in and waits for the lock.
func (r *Runner) connect(ctx context.Context, m *room, h configuration.Host, op operation.Op, p operation.Progress) (*connection, error) {
	program, err := sshProgram()
	if err != nil {
		return nil, err
	}
	argv := []string{"sh", "-c", holdScript, "fermata", op.Key.String(), strconv.Itoa(int(r.cfg.LockWait.Seconds()))}
	if h.User != "root" {
		argv = append([]string{"sudo", "-n", "--"}, argv...)
	}
	for i, word := range argv {
		argv[i] = sshx.Quote(word)
	}
	input, alive, err := os.Pipe()
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "connecting to "+h.Name)
	}
	defer func() { _ = input.Close() }()
	c := &connection{alive: alive}
	c.master = exec.Command(program, "-F", m.path("ssh_config"), "-M", h.Address, strings.Join(argv, " ")) //nolint:gosec,noctx // It ends by close: the group, not the process alone.
	c.master.Stdin, c.master.Env, c.master.Dir = input, environment(m), m.folder
	c.master.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var complaint limited
	c.master.Stderr = &complaint
	c.master.WaitDelay = time.Second
	output, err := c.master.StdoutPipe()
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "connecting to "+h.Name)
	}
	p.Say("waiting for the lock of " + h.Name)
	if err := c.master.Start(); err != nil {
		_ = alive.Close()
		return nil, fault.Wrap(fault.Unavailable, err, "starting ssh")
	}
	stop := context.AfterFunc(ctx, c.close)
	said := bufio.NewReader(io.LimitReader(output, 4096))
	first, _ := said.ReadString('\n')
	if strings.TrimSpace(first) == held {
		stop()
		if ctx.Err() == nil {
			return c, nil
		}
	}
	holder, _ := io.ReadAll(said)
	c.wait()
	stop()
	c.close()
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "connecting to "+h.Name)
	}
	return nil, r.refused(h, strings.TrimSpace(first), text(string(holder)), complaint.text())
}

// refused says why a connection does not hold the lock.
func (r *Runner) refused(h configuration.Host, first, holder, complaint string) error {
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(complaint, word) {
				return true
			}
		}
		return false
	}
	switch {
	case first == busy && holder != "":
		return fault.New(fault.Unavailable, "%s: the play %s holds its lock for more than %s", h.Name, holder, r.cfg.LockWait)
	case first == busy:
		return fault.New(fault.Unavailable, "%s: another command of Fermata holds %s for more than %s", h.Name, sshx.GuestLock, r.cfg.LockWait)
	case has("Host key verification failed", "host key is known for"):
		return fault.New(fault.Unauthorized, "verifying the host key of %s (%s): it is not the one expected: %s", h.Name, h.Address, complaint)
	case has("no matching host key type"):
		return fault.New(fault.Unauthorized, "verifying the host key of %s (%s): it has none of the kind expected: %s", h.Name, h.Address, complaint)
	case has("Permission denied"):
		return fault.New(fault.Unauthorized, "logging in to %s: %q is refused: is the key of %s in authorized_keys there? (%s)", h.Name, h.User, r.cfg.Key, complaint)
	case has("sudo:"):
		return fault.New(fault.Unauthorized, "%s: %q may not become root without a password (%s): grant it NOPASSWD in sudoers", h.Name, h.User, complaint)
	case has("not found", "No such file"):
		return fault.New(fault.Invalid, "%s cannot be locked: %s", h.Name, complaint)
	}
	return fault.New(fault.Unavailable, "connecting to %s (%s): %s", h.Name, h.Address, complaint)
}

// wait is until the master has ended.
func (c *connection) wait() {
	_ = c.master.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// close gives up the lock and ends every session of the connection.
func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.alive.Close()
	if !c.over {
		_ = syscall.Kill(-c.master.Process.Pid, syscall.SIGKILL)
	}
}

// finish ends the connection as a play does that is over: the guest has let go of the lock when it returns. One that a module
// still holds is let go later, without us.
func (c *connection) finish() {
	_ = c.alive.Close()
	timer := time.AfterFunc(patience, c.close)
	defer timer.Stop()
	c.wait()
}
