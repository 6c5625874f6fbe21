package guest

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// baseUnits are the services that a fresh system has, all enabled.
func baseUnits() []string { return []string{"ssh", "cron", "systemd-timesyncd", "open-vm-tools"} }

// services is systemd: which units there are, which run.
type services struct {
	machine *Machine
	mu      sync.Mutex
	active  map[string]*activeUnit
	failed  map[string]bool
}

type activeUnit struct {
	service Service // nil: a unit that only has a state.
	since   time.Time
	pid     int
	done    func()
}

// unitError is what systemctl says and exits with.
type unitError struct {
	code int
	text string
}

func (e *unitError) Error() string { return e.text }

func newServices(m *Machine) *services {
	return &services{machine: m, active: map[string]*activeUnit{}, failed: map[string]bool{}}
}

func unitName(name string) string { return strings.TrimSuffix(name, ".service") }

// find looks a unit up: of the base system, of an installed package, or a file an administrator wrote.
func (s *services) find(name string) (Unit, bool) {
	if slices.Contains(baseUnits(), name) {
		return Unit{Name: name}, true
	}
	type owner struct{ pkg, version string }
	of := read(s.machine, func(st *state) owner {
		p := st.Packages[st.Units[name]]
		if p == nil || p.Status == "config-files" {
			return owner{}
		}
		return owner{st.Units[name], p.Version}
	})
	if p, ok := s.machine.catalogue.find(of.pkg); ok {
		if r, ok := p.release(of.version); ok {
			for _, unit := range r.Units {
				if unit.Name == name {
					return unit, true
				}
			}
		}
	}
	return s.fromFile(name)
}

// fromFile makes a unit of a file below /etc/systemd/system. What ExecStart names must be there to be run.
func (s *services) fromFile(name string) (Unit, bool) {
	data, err := s.machine.ReadFile("/etc/systemd/system/" + name + ".service")
	if err != nil || strings.Contains(name, "/") {
		return Unit{}, false
	}
	start := func(context.Context, *Machine) (Service, error) {
		for line := range strings.SplitSeq(string(data), "\n") {
			command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=")
			words := strings.Fields(strings.TrimLeft(command, "-@+!"))
			if !ok || len(words) == 0 {
				continue
			}
			i, err := s.machine.files.as(root).stat(words[0])
			if err != nil || !path.IsAbs(words[0]) || !root.may(i, 1) {
				return nil, fmt.Errorf("unable to locate executable '%s': No such file or directory (status=203/EXEC)", words[0])
			}
			return nil, nil //nolint:nilnil // A unit without anything running behind it.
		}
		return nil, fmt.Errorf("service has no ExecStart= setting, refusing")
	}
	return Unit{Name: name, Start: start}, true
}

// start brings a unit up. One that runs is left alone.
func (s *services) start(name string) error {
	unit, ok := s.find(name)
	if !ok {
		return &unitError{5, fmt.Sprintf("Failed to start %s.service: Unit %s.service not found.", name, name)}
	}
	r := s.machine.current()
	if r == nil {
		return &unitError{1, "System has not been booted."}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[name] != nil {
		return nil
	}
	var service Service
	if unit.Start != nil {
		var err error
		if service, err = unit.Start(r.ctx, s.machine); err != nil {
			s.failed[name] = true
			s.machine.Journal(name, err.Error())
			s.machine.Journal(name, name+".service: Failed with result 'exit-code'.")
			return &unitError{1, fmt.Sprintf("Job for %s.service failed because the control process exited with error code.\n"+
				"See \"systemctl status %s.service\" and \"journalctl -xeu %s.service\" for details.", name, name, name)}
		}
	}
	delete(s.failed, name)
	pid, done := s.machine.processes.add("root", []string{"/usr/sbin/" + name}, func() {})
	s.active[name] = &activeUnit{service: service, since: time.Now(), pid: pid, done: done}
	s.machine.Journal(name, "Started "+name+".service.")
	return nil
}

// stop ends a unit. One that does not run is left alone.
func (s *services) stop(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unit := s.active[name]
	delete(s.failed, name)
	if unit == nil {
		return nil
	}
	delete(s.active, name)
	unit.done()
	s.machine.Journal(name, "Stopped "+name+".service.")
	if unit.service == nil {
		return nil
	}
	if err := unit.service.Stop(); err != nil {
		return &unitError{1, fmt.Sprintf("Job for %s.service failed: %v", name, err)}
	}
	return nil
}

func (s *services) restart(name string) error {
	if err := s.stop(name); err != nil {
		return err
	}
	return s.start(name)
}

func (s *services) reload(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unit := s.active[name]
	if unit == nil {
		return &unitError{1, fmt.Sprintf("%s.service is not active, cannot reload.", name)}
	}
	if unit.service == nil {
		return nil
	}
	if err := unit.service.Reload(ctx); err != nil {
		s.machine.Journal(name, "reload: "+err.Error())
		return &unitError{1, fmt.Sprintf("Job for %s.service failed.\nSee \"systemctl status %s.service\" and \"journalctl -xeu %s.service\" for details.", name, name, name)}
	}
	return nil
}

// status is what is-active prints.
func (s *services) status(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.active[name] != nil:
		return "active"
	case s.failed[name]:
		return "failed"
	}
	return "inactive"
}

func (s *services) pid(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if unit := s.active[name]; unit != nil {
		return unit.pid
	}
	return 0
}

// boot starts what is enabled; what fails is in the journal and does not keep the rest from starting.
func (s *services) boot(context.Context) {
	enabled := read(s.machine, func(st *state) []string {
		var names []string
		for name, on := range st.Enabled {
			if on {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	})
	for _, name := range enabled {
		if err := s.start(name); err != nil {
			s.machine.log.Debug("a service did not start", "service", name, "error", err)
		}
	}
}

func (s *services) halt() {
	s.mu.Lock()
	names := make([]string, 0, len(s.active))
	for name := range s.active {
		names = append(names, name)
	}
	clear(s.failed)
	s.mu.Unlock()
	for _, name := range names {
		if err := s.stop(name); err != nil {
			s.machine.log.Debug("a service did not stop", "service", name, "error", err)
		}
	}
}

// ServiceActive reports whether a unit runs.
func (m *Machine) ServiceActive(name string) bool {
	return m.services.status(unitName(name)) == "active"
}

// StopService ends a unit behind everybody's back, as a crash does.
func (m *Machine) StopService(name string) error { return m.services.stop(unitName(name)) }
