package ansible

import (
	_ "embed" // For the callback plugin.
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"fermata/activities/configuration"
	"fermata/activities/fault"
)

//go:embed fermata.py
var callback []byte

// roomPrefix begins the name of every play's folder.
const roomPrefix = "fermata-ansible-"

// playLock is what every module of a play holds on the guest while it runs, shared: one that goes on after its connection
// is gone keeps the guest's lock taken. The file says who plays.
const playLock = "/run/lock/fermata-play.lock"

// room is a play's own folder, closed to all but the worker's account. Where the machine has a file system in memory, it
// is there: a template is rendered here, with the secrets in it, before it is sent.
type room struct {
	folder string
	digest string
	lock   *os.File // Held by the worker, and by what it starts (flock(2)).
}

func (m *room) path(name string) string { return filepath.Join(m.folder, name) }

// memory is where rooms are made.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() && info.Mode()&os.ModeSticky != 0 {
		return "/dev/shm"
	}
	return os.TempDir()
}

// sweep removes the rooms of workers that were killed. A room whose lock is held is in use.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(memory(), roomPrefix+"*"))
	for _, folder := range left {
		lock, err := locked(filepath.Join(folder, lockName), 0)
		if err != nil { // In use, or somebody else's, or being made.
			continue
		}
		_ = os.RemoveAll(folder)
		_ = lock.Close()
	}
}

// lockName is the file in a room whose lock is held as long as anybody works there. It gets the name when it is held, so
// that a room that is being made is not swept away.
const lockName = "lock"

func hold(folder string) (*os.File, error) {
	fresh := filepath.Join(folder, lockName+".new")
	file, err := locked(fresh, os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(fresh, filepath.Join(folder, lockName)); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func locked(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // A small number.
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// prepare makes a room with a copy of the project, which must be the one that was pinned.
func (r *Runner) prepare(p configuration.Play) (_ *room, err error) {
	folder, err := os.MkdirTemp(memory(), roomPrefix)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "making a folder for a play")
	}
	m := &room{folder: folder}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if m.lock, err = hold(folder); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "locking the folder of a play")
	}
	if m.digest, err = snapshot(r.cfg.Project, m.path("project")); err != nil {
		return nil, err
	}
	if p.Digest != "" && p.Digest != m.digest {
		return nil, fault.New(fault.Invalid, "the project %s is not the one that was planned: its files have changed (sha256 %.12s, planned %.12s): put them back, or start again",
			r.cfg.Project, m.digest, p.Digest)
	}
	err = errors.Join(os.Mkdir(m.path("plugins"), 0o700), os.Mkdir(m.path("tmp"), 0o700), os.Mkdir(m.path("home"), 0o700),
		m.write("plugins/fermata.py", callback), m.write("ansible.cfg", []byte("[defaults]\n")))
	return m, fault.Wrap(fault.Unavailable, err, "writing the folder of a play")
}

func (m *room) close() {
	_ = os.RemoveAll(m.folder)
	if m.lock != nil {
		_ = m.lock.Close()
	}
}

func (m *room) write(name string, data []byte) error { return os.WriteFile(m.path(name), data, 0o600) }

// inventory has the one host.
func (r *Runner) inventory(m *room, h configuration.Host) error {
	vars := map[string]any{
		"ansible_host": h.Address, "ansible_connection": "ssh", "ansible_python_interpreter": "/usr/bin/flock -s " + playLock + " " + r.cfg.Python,
	}
	if r.cfg.Become {
		vars["ansible_become"] = true
	}
	data, err := json.Marshal(map[string]any{"all": map[string]any{"hosts": map[string]any{h.Name: vars}}})
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "writing the inventory")
	}
	return fault.Wrap(fault.Unavailable, m.write("inventory.json", data), "writing the inventory")
}
