package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// stateVersion is the form of the state file. A file of another form is refused.
const stateVersion = 1

// state is what survives the process, beside the guest's files.
type state struct {
	Version   int                   `json:"version"`
	Prepared  bool                  `json:"prepared"` // The image is complete.
	Hostname  string                `json:"hostname"`
	Timezone  string                `json:"timezone"`
	Instance  string                `json:"instance"`   // What cloud-init last ran for.
	CloudInit string                `json:"cloud_init"` // "done", "error", or empty before the first boot.
	Boots     int                   `json:"boots"`
	Disks     []Disk                `json:"disks"`
	Contents  map[string]*content   `json:"contents"` // By disk UUID.
	Packages  map[string]*installed `json:"packages"`
	Enabled   map[string]bool       `json:"enabled"`
	Units     map[string]string     `json:"units"` // Unit -> package whose release brings it.
	GuestInfo map[string]string     `json:"guest_info"`
	Owners    map[string]attributes `json:"owners"`
	Lists     bool                  `json:"lists"` // apt-get update was run.
}

// content is what is written on a disk.
type content struct {
	Type   string                `json:"type"` // ext4, xfs, swap, LVM2_member; dos or gpt for a partition table.
	UUID   string                `json:"uuid"`
	Label  string                `json:"label,omitempty"`
	Bytes  int64                 `json:"bytes"` // Size of the disk when it was written.
	Owners map[string]attributes `json:"owners,omitempty"`
}

// table reports whether the content is a partition table.
func (c *content) table() bool { return c.Type == "dos" || c.Type == "gpt" }

// installed is a package as dpkg knows it.
type installed struct {
	Version string `json:"version"`
	Status  string `json:"status"` // "installed", "half-configured" or "config-files".
}

func (m *Machine) folder(parts ...string) string {
	return filepath.Join(append([]string{m.options.Folder}, parts...)...)
}

// open finds the machine's state, or prepares a new one.
func (m *Machine) open() error {
	if err := m.load(); err != nil {
		return err
	}
	if !m.state.Prepared { // Who prepared it may have been killed in the middle.
		m.state = fresh()
		if err := os.RemoveAll(m.folder("system")); err != nil {
			return fmt.Errorf("removing half a system disk: %w", err)
		}
	}
	for _, name := range []string{"system", "disks"} {
		if err := os.MkdirAll(m.folder(name), 0o700); err != nil {
			return fmt.Errorf("making the folder: %w", err)
		}
	}
	system, err := os.OpenRoot(m.folder("system"))
	if err != nil {
		return fmt.Errorf("opening the system disk: %w", err)
	}
	m.files = &tree{
		system: &filesystem{root: system, owners: m.state.Owners}, device: m.deviceMode,
		touched: m.touched,
	}
	m.state.Disks = m.options.Disks
	if !m.state.Prepared {
		if err := m.prepare(); err != nil {
			return errors.Join(fmt.Errorf("preparing the system disk: %w", err), system.Close())
		}
	}
	m.save()
	return nil
}

func (m *Machine) load() error {
	m.state = fresh()
	data, err := os.ReadFile(m.folder("state.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the state: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(data, &m.state); err != nil {
			return fmt.Errorf("reading the state in %s (remove the folder to begin anew): %w", m.options.Folder, err)
		}
	}
	if m.state.Version != stateVersion {
		return fmt.Errorf("state of version %d in %s, expected %d: remove the folder to begin anew",
			m.state.Version, m.options.Folder, stateVersion)
	}
	m.state.fill()
	return nil
}

// fresh is the state of a machine that has never been.
func fresh() state {
	s := state{Version: stateVersion}
	s.fill()
	return s
}

func (s *state) fill() {
	fill(&s.Contents)
	fill(&s.Packages)
	fill(&s.Enabled)
	fill(&s.Units)
	fill(&s.GuestInfo)
	fill(&s.Owners)
}

func fill[K comparable, V any](target *map[K]V) {
	if *target == nil {
		*target = map[K]V{}
	}
}

// change alters the state and remembers that it is to be saved.
func (m *Machine) change(do func(*state)) {
	m.mu.Lock()
	do(&m.state)
	m.mu.Unlock()
	m.touched()
}

func (m *Machine) touched() {
	m.dirty.Store(true)
	m.changes.Add(1)
}

// read looks at the state.
func read[T any](m *Machine, get func(*state) T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	return get(&m.state)
}

// save writes the state if it changed: whole, beside the old one, and by a rename, so that a process that is killed
// leaves one or the other.
func (m *Machine) save() {
	m.saving.Lock()
	defer m.saving.Unlock()
	if !m.dirty.Swap(false) {
		return
	}
	if err := m.write(); err != nil {
		m.dirty.Store(true)
		m.log.Error("saving the guest's state", "error", err)
	}
}

func (m *Machine) write() error {
	owners := m.files.system.snapshot()
	mounted := map[string]map[string]attributes{}
	for _, mount := range m.files.mounted() {
		mounted[mount.Disk] = mount.fs.snapshot()
	}
	m.mu.Lock()
	m.state.Owners = owners
	for disk, owners := range mounted {
		if c := m.state.Contents[disk]; c != nil {
			c.Owners = owners
		}
	}
	data, err := json.Marshal(m.state)
	m.mu.Unlock()
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	temporary := m.folder("state.json.new")
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	if err := os.Rename(temporary, m.folder("state.json")); err != nil {
		return fmt.Errorf("putting the state in place: %w", err)
	}
	return nil
}
