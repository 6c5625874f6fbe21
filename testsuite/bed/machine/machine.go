// Package machine makes hosts: each has a file tree (a copy on write of another one), processes, devices, a host name and
// an address of its own, in a network namespace.
//
// By itself a machine is a copy of the bed's own Debian with sshd, as an edge or a bastion needs it. With a tree and a first
// process of its own it is whatever these make it.
package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/network"
)

// Packages are what a machine needs.
var Packages = []string{"openssh-server", "sudo", "util-linux", "mount", "iproute2"} //nolint:gochecknoglobals // A list that nobody changes.

// Options describe a machine.
type Options struct {
	Name      string
	Network   *network.Network
	Namespace string
	Address   string // Where sshd listens, without port.
	// Folder holds its files also when it is stopped; Start makes it.
	Folder string
	// Files is what its administrator wrote, in /etc say. What the folder has already stays as it is.
	Files map[string]string
	// AuthorizedKeys are let in to its two accounts. Without any the machine has no accounts of the bed's making, and its
	// sshd is its own matter.
	AuthorizedKeys []string

	// Root is the tree that it is a copy of; empty: the bed's own.
	Root string
	// Init is a shell script, the machine's first process; empty: one that starts sshd. The machine ends with it.
	Init string
	Env  []string // Of the first process.
	// Ready tells whether it has booted; nil: as soon as sshd answers.
	Ready func(ctx context.Context, m *Machine) error
}

// Machine is a running one.
type Machine struct {
	o       Options
	main    *host.Process
	hostKey string
}

// Start boots a machine. Files that an earlier life left in its folder are there again.
func Start(ctx context.Context, o Options) (*Machine, error) {
	m := &Machine{o: o}
	if err := m.prepare(); err != nil {
		return nil, fmt.Errorf("preparing machine %q: %w", o.Name, err)
	}
	main, err := host.Start(ctx, host.Daemon{
		Name: "machine " + o.Name, Args: []string{"sh", "-c", bootScript, o.Name, o.Folder, o.Name, m.o.Root, m.o.Init}, Isolated: true,
		Namespace: o.Network.Namespace(o.Namespace), Log: filepath.Join(o.Folder, "log"), Env: o.Env,
	})
	if err != nil {
		return nil, err
	}
	m.main = main
	ready := m.answers
	if o.Ready != nil {
		ready = func(ctx context.Context) error { return o.Ready(ctx, m) }
	}
	if err := main.Await(ctx, ready); err != nil {
		return nil, err
	}
	return m, nil
}

// bootScript runs as the machine's first process; $1 is the folder, $2 the name, $3 the tree, $4 the script that it becomes.
const bootScript = `set -e
mount --make-rprivate /
cd "$1"
mount -t overlay overlay -o "lowerdir=$3,upperdir=$1/upper,workdir=$1/work" root
cd root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"; done
mknod -m 666 dev/tty c 5 0
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p run/sshd
mkdir -m 1777 run/lock
hostname "$2"
exec chroot . sh -c "$4"
`

// plainInit serves SSH and nothing else.
const plainInit = `trap "exit 0" TERM
/usr/sbin/sshd -D -e &
` + Reap

// Reap is how the script of a first process ends: it adopts what loses its parent, and stays.
const Reap = `while :; do sleep 1000 & wait $!; done
`

// prepare writes what makes the tree a machine's own into the upper layer, before it is mounted.
func (m *Machine) prepare() error {
	for _, name := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(m.o.Folder, name), 0o755); err != nil { //nolint:gosec // As in any root folder.
			return err
		}
	}
	files := map[string]string{}
	if m.o.Root == "" {
		m.o.Root = "/"
	}
	if m.o.Init == "" {
		m.o.Init = plainInit
	}
	if len(m.o.AuthorizedKeys) > 0 {
		if err := m.furnish(files); err != nil {
			return err
		}
	}
	for name, content := range m.o.Files {
		files[name] = content
	}
	for name, content := range files {
		if err := m.place(name, content); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) place(name, content string) error {
	path := filepath.Join(m.o.Folder, "upper", name)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // As in any root folder.
		return err
	}
	mode := os.FileMode(0o644)
	if strings.HasSuffix(name, "_key") || strings.HasSuffix(name, "shadow") || strings.Contains(name, "sudoers") {
		mode = 0o600
	}
	return os.WriteFile(path, []byte(content), mode)
}

// answers waits for sshd's greeting.
func (m *Machine) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := m.o.Network.Dialer(m.o.Namespace, &net.Dialer{})(ctx, "tcp", m.SSH())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	greeting := make([]byte, 4)
	if _, err := io.ReadFull(conn, greeting); err != nil || string(greeting) != "SSH-" {
		return fmt.Errorf("sshd greets with %q: %w", greeting, errors.Join(err))
	}
	return nil
}

// SSH is where its sshd is, as seen from the networks.
func (m *Machine) SSH() string { return net.JoinHostPort(m.o.Address, "22") }

// Folder holds its files, also when it is stopped: what differs from the tree that it is a copy of is below upper, what it
// says on its console is in log.
func (m *Machine) Folder() string { return m.o.Folder }

// HostKey is its public host key, as in a known_hosts file; empty where the machine makes its own.
func (m *Machine) HostKey() string { return m.hostKey }

// Stop ends the machine and all that runs on it.
func (m *Machine) Stop() error { return m.main.Stop() }

// Kill ends it as a power cut does.
func (m *Machine) Kill() { m.main.Kill() }

// Run runs a command as root at the machine's console, with a text as its input; it returns both outputs.
func (m *Machine) Run(ctx context.Context, input string, args ...string) (string, error) {
	whole := m.inside(args)
	cmd := exec.CommandContext(ctx, whole[0], whole[1:]...) //nolint:gosec // The bed's own commands.
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("running %s on machine %q: %w: %s", strings.Join(args, " "), m.o.Name, err, out)
	}
	return string(out), nil
}

// Output runs a script as root at the machine's console and returns what it prints. What it says besides stands in the error.
func (m *Machine) Output(ctx context.Context, script string) (string, error) {
	whole := m.inside([]string{"sh", "-c", script})
	cmd := exec.CommandContext(ctx, whole[0], whole[1:]...) //nolint:gosec // The bed's own commands.
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("running a script on machine %q: %w: %s", m.o.Name, err, said.String())
	}
	return string(out), nil
}

// Start starts a daemon on the machine; namespace and log are the machine's matter.
func (m *Machine) Start(ctx context.Context, d host.Daemon) (*host.Process, error) {
	d.Args = m.inside(d.Args)
	d.Log = filepath.Join(m.o.Folder, filepath.Base(d.Name)+".log")
	return host.Start(ctx, d)
}

func (m *Machine) inside(args []string) []string {
	return append([]string{"nsenter", "--target=" + strconv.Itoa(m.main.Pid()), "--all", "--root", "--wd"}, args...)
}

// Path is where a file of the running machine is seen from outside.
func (m *Machine) Path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(m.main.Pid()), "root", name)
}

// ReadFile reads a file; empty if there is none.
func (m *Machine) ReadFile(name string) (string, error) {
	data, err := os.ReadFile(m.Path(name))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return string(data), err
}

// WriteFile writes a file.
func (m *Machine) WriteFile(name, content string) error {
	return os.WriteFile(m.Path(name), []byte(content), 0o644) //nolint:gosec // As an administrator would.
}

// Log returns the last lines of what the machine said on its console.
func (m *Machine) Log(lines int) string { return m.main.Tail(lines) }
