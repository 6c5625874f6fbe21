package ansible

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fermata/activities/fault"
)

// lingering is how long what the program left behind may hold its output open.
const lingering = time.Second

// environment is all that the programs are told: nothing of the worker's own.
func environment(m *room) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TERM=dumb",
		"HOME=" + m.path("home"), "TMPDIR=" + m.path("tmp"), "PYTHONDONTWRITEBYTECODE=1",
	}
}

// settings are Ansible's, see its configuration reference. Modules write no arguments to the guest's log; what they are is
// sent to the interpreter's standard input and so is on no disk of the guest.
func (r *Runner) settings(m *room, program string) []string {
	project := m.path("project")
	return append(environment(m),
		"ANSIBLE_CONFIG="+m.path("ansible.cfg"), "ANSIBLE_HOME="+m.path("home"), "ANSIBLE_LOCAL_TEMP="+m.path("tmp"),
		"ANSIBLE_ROLES_PATH="+filepath.Join(project, "roles"),
		"ANSIBLE_COLLECTIONS_PATH="+strings.Join(append([]string{filepath.Join(project, "collections")}, r.cfg.Collections...), ":"),
		"ANSIBLE_CALLBACK_PLUGINS="+m.path("plugins"), "ANSIBLE_STDOUT_CALLBACK=fermata", "ANSIBLE_CALLBACKS_ENABLED=",
		"ANSIBLE_INVENTORY_ENABLED=yaml", "ANSIBLE_NOCOLOR=1", "ANSIBLE_RETRY_FILES_ENABLED=False", "ANSIBLE_NO_TARGET_SYSLOG=True",
		"ANSIBLE_PIPELINING=True", "ANSIBLE_KEEP_REMOTE_FILES=False", "ANSIBLE_HOST_KEY_CHECKING=True", "ANSIBLE_FORKS=1",
		"ANSIBLE_DEPRECATION_WARNINGS=False", "ANSIBLE_LOCALHOST_WARNING=False", "ANSIBLE_INVENTORY_UNPARSED_WARNING=False",
		"ANSIBLE_SSH_EXECUTABLE="+program, "ANSIBLE_SSH_ARGS=-F "+m.path("ssh_config_ansible"), "ANSIBLE_SSH_RETRIES=0",
	)
}

// execution is one run of ansible-playbook.
type execution struct {
	room      *room
	args      []string
	variables []byte
	inherit   []*os.File
	heard     func(event) // Called with each event, in order.
}

// variablesName is the file of a room that has the variables, sealed.
const variablesName = "variables"

// seal writes the variables to the room and returns the pipe that has the key to them.
func (x execution) seal() (*os.File, error) {
	sealed, password, err := seal(x.variables)
	if err != nil {
		return nil, err
	}
	if err := x.room.write(variablesName, sealed); err != nil {
		return nil, err
	}
	return filled(password)
}

// ended is how the program ended by itself.
type ended struct {
	status         int
	stdout, stderr string
}

// execute runs the program to its end. When ctx ends first, it is killed with all that it started; Ambiguous: what it was
// doing may be done or not.
func (r *Runner) execute(ctx context.Context, x execution) (ended, error) {
	program, err := r.cfg.program()
	if err != nil {
		return ended{}, err
	}
	secureShell, err := sshProgram()
	if err != nil {
		return ended{}, err
	}
	limitedCtx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	events, report, err := os.Pipe()
	if err != nil {
		return ended{}, fault.Wrap(fault.Unavailable, err, "starting ansible-playbook")
	}
	defer func() { _ = events.Close() }()
	password, err := x.seal()
	if err != nil {
		_ = report.Close()
		return ended{}, fault.Wrap(fault.Unavailable, err, "starting ansible-playbook")
	}
	var stdout, stderr limited
	cmd := exec.CommandContext(limitedCtx, program, append([]string{"-e", "@" + x.room.path(variablesName), "--vault-password-file", "/dev/fd/4"}, x.args...)...) //nolint:gosec // Its arguments are checked.
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir = &stdout, &stderr, r.settings(x.room, secureShell), x.room.path("project")
	cmd.ExtraFiles = append([]*os.File{report, password}, x.inherit...) // Descriptors 3, as the plugin has it, and 4.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = lingering
	err = cmd.Start()
	_, _ = report.Close(), password.Close()
	if err != nil {
		return ended{}, fault.Wrap(fault.Invalid, err, "starting ansible-playbook")
	}
	listened := make(chan struct{})
	go func() { listen(events, x.heard); close(listened) }()
	err = cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) { // What holds the output open is of the group still: its number is not given anew.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	_ = events.SetReadDeadline(time.Now().Add(lingering))
	<-listened
	return r.ended(ctx, limitedCtx, cmd, err, &stdout, &stderr)
}

func (r *Runner) ended(ctx, limitedCtx context.Context, cmd *exec.Cmd, err error, stdout, stderr *limited) (ended, error) {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ended{}, fault.Wrap(fault.Ambiguous, ctx.Err(), "running ansible-playbook")
	case limitedCtx.Err() != nil:
		return ended{}, fault.New(fault.Ambiguous, "ansible-playbook was killed: it took longer than %s", r.cfg.Timeout)
	case err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay):
		return ended{}, fault.Wrap(fault.Ambiguous, err, "running ansible-playbook")
	case cmd.ProcessState.ExitCode() < 0:
		return ended{}, fault.New(fault.Ambiguous, "ansible-playbook was killed (%s)", cmd.ProcessState)
	}
	return ended{status: cmd.ProcessState.ExitCode(), stdout: stdout.kept.String(), stderr: stderr.text()}, nil
}
