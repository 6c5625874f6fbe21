package linux

import (
	"context"
	"path"
	"strings"

	"fermata/activities/fault"
	"fermata/spec"
)

// manager is what starts services: systemd, or init scripts.
type manager struct {
	// look prints two words, enabled or disabled, and a state; its status is noInput for no such service.
	look string
	// act takes a verb (enable, disable, start, stop, restart), a name, and the file that says that the service has not
	// seen a change yet, or "".
	act string
	// why tells what a service that does not run says.
	why string
}

// What a service does. One that is dying has ended by itself, and systemd waits to start it again.
const (
	isRunning = "running"
	isStopped = "stopped"
	isDying   = "dying"
)

// forget stands in the same script as the start, so that an answer that is lost does not start it twice.
const forget = `if [ -n "$3" ]; then rm -f "$3"; fi
`

var systemd = manager{
	look: `enabled=$(systemctl is-enabled "$1" 2>/dev/null || true)
case "$enabled" in
  ''|not-found) exit 66 ;;
  enabled|enabled-runtime|static|alias|indirect|generated|transient) enabled=enabled ;;
  masked*) enabled=masked ;;
  *) enabled=disabled ;;
esac
active=$(systemctl is-active "$1" 2>/dev/null || true)
case "$active" in
  active|reloading) active=running ;;
  activating) if [ "$(systemctl show -p SubState --value "$1")" = auto-restart ]; then active=dying; fi ;;
  *) active=stopped ;;
esac
echo "$enabled $active"
`,
	act: `case "$1" in start|restart) systemctl daemon-reload || exit ;; esac
systemctl "$1" "$2" || exit
` + forget,
	why: `systemctl status --no-pager --lines=10 "$1" 2>&1 || true`,
}

var initScripts = manager{
	look: `if [ ! -x "/etc/init.d/$1" ]; then exit 66; fi
enabled=disabled
for link in /etc/rc2.d/S*; do
  case "$link" in /etc/rc2.d/S[0-9][0-9]"$1") enabled=enabled ;; esac
done
active=stopped
if service "$1" status >/dev/null 2>&1; then active=running; fi
echo "$enabled $active"
`,
	act: `case "$1" in
  enable) update-rc.d "$2" defaults && update-rc.d "$2" enable || exit ;;
  disable) update-rc.d "$2" disable || exit ;;
  *) service "$2" "$1" || exit ;;
esac
` + forget,
	why: `service "$1" status 2>&1 || true`,
}

func managerOf(hasSystemd bool) manager {
	if hasSystemd {
		return systemd
	}
	return initScripts
}

func (m *machine) services(ctx context.Context, services []spec.Service, hasSystemd bool) error {
	for _, s := range services {
		enabled := s.Enabled == nil || *s.Enabled
		if err := m.service(ctx, managerOf(hasSystemd), s.Name, enabled, s.State != spec.StateStopped, false); err != nil {
			return err
		}
	}
	return nil
}

// service brings one to the wanted state; restart does so even if it runs. It is looked at again afterwards: a start that
// ends well may be that of a program which dies at once.
func (m *machine) service(ctx context.Context, by manager, name string, enabled, running, restart bool) error {
	isEnabled, state, err := m.look(ctx, by, name)
	if err != nil {
		return err
	}
	if isEnabled != enabled {
		if err := m.act(ctx, by, map[bool]string{true: "enable", false: "disable"}[enabled], name, ""); err != nil {
			return err
		}
	}
	verb := verbFor(state, running, restart)
	if verb == "" {
		return nil
	}
	pending := ""
	if restart {
		pending = pendingFile(name)
	}
	if err := m.act(ctx, by, verb, name, pending); err != nil {
		return err
	}
	if _, state, err = m.look(ctx, by, name); err != nil {
		return err
	}
	if verbFor(state, running, false) != "" {
		return m.ill(ctx, by, verb, name, "")
	}
	return nil
}

// verbFor is what brings a service from a state to the one wanted; empty: nothing has to be done.
func verbFor(state string, running, restart bool) string {
	switch {
	case running && (state == isDying || state == isRunning && restart):
		return "restart"
	case running && state == isStopped:
		return "start"
	case !running && state != isStopped:
		return "stop"
	}
	return ""
}

func (m *machine) look(ctx context.Context, by manager, name string) (enabled bool, state string, err error) {
	r, err := m.read(ctx, by.look, name)
	switch {
	case err != nil:
		return false, "", fault.Wrap(fault.KindOf(err), err, "looking at service "+name)
	case r.Exit == noInput:
		return false, "", fault.New(fault.Invalid, "%s has no service %q", m.host.Name, name)
	case r.Exit != 0:
		return false, "", fault.New(fault.Invalid, "looking at service %s on %s: %s", name, m.host.Name, r.Text())
	}
	words := strings.Fields(string(r.Stdout))
	if len(words) != 2 {
		return false, "", fault.New(fault.Invalid, "looking at service %s on %s: %q", name, m.host.Name, r.Stdout)
	}
	if words[0] == "masked" {
		return false, "", fault.New(fault.Conflict, "service %s on %s is masked: somebody keeps it from starting", name, m.host.Name)
	}
	if words[1] == "activating" {
		return false, "", fault.New(fault.Unavailable, "service %s on %s is still starting", name, m.host.Name)
	}
	return words[0] == "enabled", words[1], nil
}

func (m *machine) act(ctx context.Context, by manager, verb, name, pending string) error {
	r, err := m.change(ctx, nil, by.act, verb, name, pending)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, verb+" service "+name)
	}
	if r.Exit != 0 {
		return m.ill(ctx, by, verb, name, r.Text())
	}
	m.note("service " + name + ": " + verb)
	return nil
}

// ill says why a service is not as it should be. A person must look: its configuration, mostly.
func (m *machine) ill(ctx context.Context, by manager, verb, name, said string) error {
	if r, err := m.read(ctx, by.why, name); err == nil {
		said = strings.TrimSpace(said + "\n" + r.Text())
	}
	return fault.New(fault.Invalid, "%s of service %s on %s went wrong: %s", verb, name, m.host.Name, said)
}

// A service that has not seen a change yet is remembered on the guest, so that an attempt which follows a crash restarts
// it although it finds the files as they should be.
func pendingFile(service string) string { return path.Join(stateDir, service+".restart") }

func (m *machine) rememberRestart(ctx context.Context, service string) error {
	if service == "" {
		return nil
	}
	if noted, err := m.restartPending(ctx, service); err != nil || noted {
		return err
	}
	return m.must(ctx, "noting that "+service+" must restart", `set -eu
mkdir -p /var/lib/fermata
printf '' > "$1"
sync
`, pendingFile(service))
}

func (m *machine) restartPending(ctx context.Context, service string) (bool, error) {
	out, err := m.output(ctx, "asking whether "+service+" must restart", `if [ -e "$1" ]; then echo yes; fi`, pendingFile(service))
	return out == "yes", err
}
