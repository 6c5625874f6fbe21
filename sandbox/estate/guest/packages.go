package guest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The states of a package that appear here.
const (
	statusInstalled = "installed"
	statusHalf      = "half-configured"
	statusConfig    = "config-files"
)

// dpkgError is a refusal of dpkg, which apt-get passes on.
type dpkgError struct{ text string }

func (e *dpkgError) Error() string { return e.text }

func (m *Machine) installed(name string) (installed, bool) {
	p := read(m, func(s *state) installed {
		if p := s.Packages[name]; p != nil {
			return *p
		}
		return installed{}
	})
	return p, p.Status != ""
}

// unpack installs a release. keepConf is dpkg's --force-confold: without it a changed configuration file that the
// package does not know stops the installation, as the question nobody answers does.
func (m *Machine) unpack(name, version string, keepConf bool) error {
	p, ok := m.catalogue.find(name)
	if !ok {
		return fmt.Errorf("no package %q in the catalogue", name)
	}
	r, ok := p.release(version)
	if !ok {
		return fmt.Errorf("no version %q of %q in the catalogue", version, name)
	}
	before, was := m.installed(name)
	if err := m.placeConffiles(name, r, was, keepConf); err != nil {
		return err
	}
	if was && before.Status != statusConfig {
		if err := m.removeFiles(name, before.Version); err != nil {
			return err
		}
	}
	if err := m.placeFiles(r); err != nil {
		return err
	}
	m.change(func(s *state) {
		s.Packages[name] = &installed{Version: r.Version, Status: statusInstalled}
		for _, unit := range r.Units {
			s.Units[unit.Name] = name
			if _, known := s.Enabled[unit.Name]; !known {
				s.Enabled[unit.Name] = true
			}
		}
	})
	for _, unit := range r.Units {
		if err := m.linkInitScript(unit.Name); err != nil {
			return err
		}
	}
	return nil
}

// startUnits starts a release's services after an installation; a failure is the package's failure, as in its postinst.
func (m *Machine) startUnits(name, version string) error {
	p, _ := m.catalogue.find(name)
	r, _ := p.release(version)
	for _, unit := range r.Units {
		if !read(m, func(s *state) bool { return s.Enabled[unit.Name] }) {
			continue
		}
		if err := m.services.restart(unit.Name); err != nil {
			m.log.Debug("a new service did not start", "service", unit.Name, "error", err) // invoke-rc.d tolerates it.
		}
	}
	return nil
}

func (m *Machine) placeConffiles(name string, r Release, was, keepConf bool) error {
	v := m.files.as(root)
	for _, file := range slices.Sorted(maps.Keys(r.Conffiles)) {
		old, err := v.readFile(file)
		switch {
		case err == nil && (was || keepConf || string(old) == r.Conffiles[file]):
			continue // An administrator's version stays.
		case err == nil:
			return &dpkgError{fmt.Sprintf("Configuration file '%s'\n ==> File on system created by you or by a script.\n"+
				" ==> File also in package provided by package maintainer.\n"+
				"dpkg: error processing package %s (--configure):\n end of file on stdin at conffile prompt", file, name)}
		}
		if err := m.WriteFile(file, []byte(r.Conffiles[file]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) placeFiles(r Release) error {
	for _, name := range r.Users {
		if _, exists := m.lookupUser(name); exists {
			continue
		}
		if _, err := m.addUser(newUser{name: name, system: true, home: "/nonexistent", shell: "/usr/sbin/nologin"}); err != nil {
			return err
		}
	}
	for file, text := range r.Files {
		if err := m.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, name := range r.Commands {
		if err := m.placeCommand(name); err != nil {
			return err
		}
	}
	for _, unit := range r.Units {
		text := fmt.Sprintf("[Unit]\nDescription=%s\n[Service]\nExecStart=/usr/sbin/%s\n[Install]\nWantedBy=multi-user.target\n", unit.Name, unit.Name)
		if err := m.WriteFile(unitFile(unit.Name), []byte(text), 0o644); err != nil {
			return err
		}
		if err := m.placeInitScript(unit.Name); err != nil {
			return err
		}
	}
	return nil
}

func unitFile(name string) string { return "/usr/lib/systemd/system/" + name + ".service" }

func (m *Machine) removeFiles(name, version string) error {
	p, _ := m.catalogue.find(name)
	r, ok := p.release(version)
	if !ok {
		return nil
	}
	v := m.files.as(root)
	var files []string
	for file := range r.Files {
		files = append(files, file)
	}
	for _, command := range r.Commands {
		files = append(files, commandPath(command))
	}
	for _, unit := range r.Units {
		files = append(files, unitFile(unit.Name), initScript(unit.Name))
	}
	for _, file := range files {
		if err := missingIsFine(v.remove(file)); err != nil {
			return err
		}
	}
	return nil
}

// uninstall removes a package; purge its configuration too.
func (m *Machine) uninstall(name string, purge bool) error {
	before, was := m.installed(name)
	if !was {
		return nil
	}
	p, _ := m.catalogue.find(name)
	r, _ := p.release(before.Version)
	for _, unit := range r.Units {
		if err := m.services.stop(unit.Name); err != nil {
			return err
		}
	}
	if err := m.removeFiles(name, before.Version); err != nil {
		return err
	}
	if purge {
		for file := range r.Conffiles {
			if err := missingIsFine(m.files.as(root).remove(file)); err != nil {
				return err
			}
		}
	}
	m.change(func(s *state) {
		s.Packages[name].Status = statusConfig
		if purge || len(r.Conffiles) == 0 {
			delete(s.Packages, name)
		}
		for _, unit := range r.Units {
			delete(s.Enabled, unit.Name)
			delete(s.Units, unit.Name)
		}
	})
	return nil
}

// InterruptPackage leaves a package half configured, as a machine that lost its power in the middle of an installation
// does. apt-get refuses until dpkg --configure -a.
func (m *Machine) InterruptPackage(name string) {
	defer m.save()
	m.change(func(s *state) {
		p := s.Packages[name]
		if p == nil {
			p = &installed{Version: "0"}
			s.Packages[name] = p
		}
		p.Status = statusHalf
	})
}

func (m *Machine) interrupted() []string {
	return read(m, func(s *state) []string {
		var names []string
		for name, p := range s.Packages {
			if p.Status == statusHalf {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	})
}

// compareVersions orders two Debian versions (deb-version(7)): negative, zero, positive.
func compareVersions(a, b string) int {
	aEpoch, a := epoch(a)
	bEpoch, b := epoch(b)
	if c := compareDigits(aEpoch, bEpoch); c != 0 {
		return c
	}
	aUpstream, aRevision := revision(a)
	bUpstream, bRevision := revision(b)
	if c := comparePart(aUpstream, bUpstream); c != 0 {
		return c
	}
	return comparePart(aRevision, bRevision)
}

func epoch(version string) (string, string) {
	if number, rest, ok := strings.Cut(version, ":"); ok {
		return number, rest
	}
	return "0", version
}

func revision(version string) (string, string) {
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		return version[:i], version[i+1:]
	}
	return version, "0"
}

func comparePart(a, b string) int {
	for a != "" || b != "" {
		var aText, bText, aNumber, bNumber string
		aText, a = span(a, false)
		bText, b = span(b, false)
		if c := compareText(aText, bText); c != 0 {
			return c
		}
		aNumber, a = span(a, true)
		bNumber, b = span(b, true)
		if c := compareDigits(aNumber, bNumber); c != 0 {
			return c
		}
	}
	return 0
}

func span(text string, digits bool) (string, string) {
	i := strings.IndexFunc(text, func(r rune) bool { return (r >= '0' && r <= '9') != digits })
	if i < 0 {
		i = len(text)
	}
	return text[:i], text[i:]
}

func compareText(a, b string) int {
	for i := range max(len(a), len(b)) {
		if c := weight(a, i) - weight(b, i); c != 0 {
			return c
		}
	}
	return 0
}

// weight orders characters: tilde before the end, letters before the rest.
func weight(text string, i int) int {
	if i >= len(text) {
		return 0
	}
	switch c := text[i]; {
	case c == '~':
		return -1
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		return int(c)
	default:
		return int(c) + 256
	}
}

func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
