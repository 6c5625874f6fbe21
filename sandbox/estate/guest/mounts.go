package guest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// mount is a mounted file system.
type mount struct {
	Target  string
	Disk    string // UUID of the disk.
	UUID    string // Of the file system.
	Type    string
	Options string
	fs      *filesystem
}

// mountError is a refusal of mount(8) with its exit code.
type mountError struct {
	code int
	text string
}

func (e *mountError) Error() string { return e.text }

func (t *tree) mounted() []*mount {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.mounts)
}

// busy reports whether a path is a mount point or holds one.
func (t *tree) busy(name string) bool {
	return slices.ContainsFunc(t.mounted(), func(m *mount) bool { return within(m.Target, name) })
}

// attach mounts a device.
func (m *Machine) attach(d device, target, kind, options string) error {
	p, err := m.files.as(root).find("mount", target, true)
	if err != nil || !p.info.IsDir() {
		return &mountError{32, fmt.Sprintf("mount: %s: mount point does not exist.", target)}
	}
	c := m.contentOf(d)
	if c.Type != "ext4" && c.Type != "xfs" || kind != "" && kind != "auto" && kind != c.Type {
		return &mountError{32, fmt.Sprintf("mount: %s: wrong fs type, bad option, bad superblock on %s, missing codepage or helper program, or other error.", target, d.path())}
	}
	for _, other := range m.files.mounted() {
		if other.Disk == d.disk.UUID && other.Target == p.path {
			return &mountError{32, fmt.Sprintf("mount: %s: %s already mounted on %s.", target, d.path(), p.path)}
		}
	}
	opened, err := m.openDisk(c)
	if err != nil {
		return err
	}
	m.files.mu.Lock()
	m.files.mounts = append(m.files.mounts, &mount{Target: p.path, Disk: d.disk.UUID, UUID: c.UUID, Type: c.Type, Options: options, fs: opened})
	m.files.mu.Unlock()
	m.dirty.Store(true)
	return nil
}

func (m *Machine) openDisk(c content) (*filesystem, error) {
	for _, other := range m.files.mounted() { // One file system in two places is still one.
		if other.UUID == c.UUID {
			return other.fs, nil
		}
	}
	folder := m.folder("disks", c.UUID)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the disk's folder: %w", err)
	}
	opened, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("opening the disk: %w", err)
	}
	owners := map[string]attributes{".": {Mode: 0o755}}
	for name, a := range c.Owners {
		owners[name] = a
	}
	return &filesystem{root: opened, owners: owners}, nil
}

// detach unmounts what was mounted last on a path.
func (m *Machine) detach(target string) error {
	mounts := m.files.mounted()
	for i, mounted := range slices.Backward(mounts) {
		if mounted.Target != target {
			continue
		}
		if slices.ContainsFunc(mounts[i+1:], func(o *mount) bool { return o.Target != target && within(o.Target, target) }) {
			return &mountError{32, fmt.Sprintf("umount: %s: target is busy.", target)}
		}
		m.keepOwners(mounted)
		m.files.mu.Lock()
		m.files.mounts = slices.DeleteFunc(m.files.mounts, func(o *mount) bool { return o == mounted })
		m.files.mu.Unlock()
		if slices.ContainsFunc(m.files.mounted(), func(o *mount) bool { return o.fs == mounted.fs }) {
			return nil
		}
		if err := mounted.fs.root.Close(); err != nil {
			return fmt.Errorf("closing the disk: %w", err)
		}
		return nil
	}
	return &mountError{32, fmt.Sprintf("umount: %s: not mounted.", target)}
}

func (m *Machine) keepOwners(mounted *mount) {
	owners := mounted.fs.snapshot()
	m.change(func(s *state) {
		if c := s.Contents[mounted.Disk]; c != nil {
			c.Owners = owners
		}
	})
}

func (m *Machine) unmountAll() error {
	var all error
	for _, mounted := range slices.Backward(m.files.mounted()) {
		all = errors.Join(all, m.detach(mounted.Target))
	}
	m.save()
	return all
}

// fstabLine is an entry of /etc/fstab.
type fstabLine struct{ spec, target, kind, options string }

func (m *Machine) fstab() []fstabLine {
	data, err := m.files.as(root).readFile("/etc/fstab")
	if err != nil {
		return nil
	}
	var lines []fstabLine
	for line := range strings.SplitSeq(string(data), "\n") {
		f := strings.Fields(line)
		if len(f) < 4 || strings.HasPrefix(f[0], "#") {
			continue
		}
		lines = append(lines, fstabLine{spec: f[0], target: strings.ReplaceAll(f[1], `\040`, " "), kind: f[2], options: f[3]})
	}
	return lines
}

// mountAll mounts what fstab lists and is not mounted yet. A line that cannot be served is an error, unless it says
// nofail; at boot the mount points are made, as systemd does.
func (m *Machine) mountAll(boot bool) error {
	var all error
	for _, line := range m.fstab() {
		if line.target == "/" || listed(line.options, "noauto") || line.target == "none" || m.mountedAt(line.target) {
			continue
		}
		if boot {
			if err := m.files.as(root).mkdirAll(line.target, 0o755); err != nil {
				return err
			}
		}
		if err := m.mountLine(line); err != nil && !listed(line.options, "nofail") {
			all = errors.Join(all, err)
		}
	}
	return all
}

func (m *Machine) mountLine(line fstabLine) error {
	d, ok := m.findSpec(line.spec)
	if !ok {
		return &mountError{1, fmt.Sprintf("mount: %s: can't find %s.", line.target, line.spec)}
	}
	return m.attach(d, line.target, line.kind, line.options)
}

func (m *Machine) mountedAt(target string) bool {
	return slices.ContainsFunc(m.files.mounted(), func(o *mount) bool { return o.Target == target })
}

// findSpec finds a device as mount(8) and fstab name it: UUID=, LABEL= or a path.
func (m *Machine) findSpec(spec string) (device, bool) {
	key, value, tagged := strings.Cut(spec, "=")
	if !tagged {
		return m.device(m.files.as(root), spec)
	}
	value = strings.Trim(value, `"`)
	for _, d := range m.devices() {
		c := m.filesystemOf(d)
		if key == "UUID" && c.UUID == value || key == "LABEL" && c.Label == value && value != "" {
			return d, true
		}
	}
	return device{}, false
}
