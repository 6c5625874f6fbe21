package linux

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
)

// EnsureSystem sets host name, time zone, users, packages, files and services, in this order. What the request leaves
// empty is left alone.
func (a *Access) EnsureSystem(ctx context.Context, _ operation.Op, h guest.Host, r guest.SystemRequest, s guest.Secrets, p operation.Progress) (guest.Changes, error) {
	m := a.machine(h, p)
	if err := validSystem(r); err != nil {
		return nil, fmt.Errorf("configuring %s: %w", h.Name, err)
	}
	systemd, err := m.hasSystemd(ctx)
	if err != nil {
		return nil, fmt.Errorf("configuring %s: %w", h.Name, err)
	}
	for _, step := range []struct {
		say string
		do  func() error
	}{
		{"setting the host name", func() error { return m.hostname(ctx, r.Hostname, r.Domain, systemd) }},
		{"setting the time zone", func() error { return m.timezone(ctx, r.OS.Timezone, systemd) }},
		{"making users", func() error { return m.users(ctx, r.OS.Users) }},
		{"installing packages", func() error { return m.packages(ctx, r.OS.Packages) }},
		{"writing files", func() error { _, err := m.files(ctx, r.OS.Files, s, nil); return err }},
		{"starting services", func() error { return m.services(ctx, r.OS.Services, systemd) }},
	} {
		p.Say(step.say)
		if err := step.do(); err != nil {
			return m.did, fmt.Errorf("configuring %s: %s: %w", h.Name, step.say, err)
		}
	}
	return m.did, nil
}

var (
	hostForm    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	domainForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	zoneForm    = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$`)
	userForm    = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	pathForm    = regexp.MustCompile(`^/[^\x00-\x1f:]*$`)
	packageForm = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?$`)
	serviceForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@._-]*$`)
)

// validSystem refuses what a program on the guest could take for an option or for something else.
func validSystem(r guest.SystemRequest) error {
	checks := []struct {
		what, value string
		form        *regexp.Regexp
	}{{"host name", r.Hostname, hostForm}, {"domain", r.Domain, domainForm}, {"time zone", r.OS.Timezone, zoneForm}}
	add := func(what, value string, form *regexp.Regexp) {
		checks = append(checks, struct {
			what, value string
			form        *regexp.Regexp
		}{what, value, form})
	}
	for _, u := range r.OS.Users {
		if u.Name == "" {
			return fault.New(fault.Invalid, "a user has no name")
		}
		add("user", u.Name, userForm)
		add("home", u.Home, pathForm)
		add("shell", u.Shell, pathForm)
	}
	for _, name := range r.OS.Packages {
		add("package", name, packageForm)
	}
	for _, s := range r.OS.Services {
		add("service", s.Name, serviceForm)
	}
	for _, c := range checks {
		if c.value != "" && !c.form.MatchString(c.value) {
			return fault.New(fault.Invalid, "%q is no %s", c.value, c.what)
		}
	}
	return nil
}

const (
	nameScript = `hostname; cat /etc/hostname 2>/dev/null || true`
	setName    = `exec hostnamectl set-hostname "$1"`
	// Without systemd the file and the kernel are told apart.
	setNamePlain = `set -eu
printf '%s\n' "$1" > /etc/hostname
hostname "$1"
`
)

func (m *machine) hostname(ctx context.Context, name, domain string, systemd bool) error {
	if name == "" {
		return nil
	}
	out, err := m.output(ctx, "asking for the host name", nameScript)
	if err != nil {
		return err
	}
	// sudo asks for the host's own address: the hosts file comes first.
	changed, err := m.edit(ctx, "/etc/hosts", func(text string) (string, error) { return withHost(text, name, domain), nil })
	if err != nil {
		return err
	}
	if changed {
		m.note("/etc/hosts: 127.0.1.1 is " + name)
	}
	if lines := strings.Fields(out); len(lines) == 2 && lines[0] == name && lines[1] == name {
		return nil
	}
	script := setName
	if !systemd {
		script = setNamePlain
	}
	if err := m.must(ctx, "setting the host name", script, name); err != nil {
		return err
	}
	m.note("host name " + name)
	return nil
}

// withHost returns the hosts file with the machine's own name at 127.0.1.1, as Debian has it (Debian reference, 5.1.1).
func withHost(text, name, domain string) string {
	line := "127.0.1.1\t" + name
	if domain != "" {
		line = "127.0.1.1\t" + name + "." + domain + "\t" + name
	}
	lines := splitLines(text)
	for i, l := range lines {
		if fields := strings.Fields(l); len(fields) > 0 && fields[0] == "127.0.1.1" {
			if strings.Join(fields, " ") != strings.Join(strings.Fields(line), " ") {
				lines[i] = line
			}
			return strings.Join(lines, "\n") + "\n"
		}
	}
	return strings.Join(append(lines, line), "\n") + "\n"
}

const (
	zoneScript      = `exec timedatectl show -p Timezone --value`
	setZone         = `exec timedatectl set-timezone "$1"`
	zoneScriptPlain = `cat /etc/timezone 2>/dev/null || true`
	setZonePlain    = `set -eu
if [ ! -e "/usr/share/zoneinfo/$1" ]; then echo "there is no time zone $1" >&2; exit 1; fi
ln -sfn "/usr/share/zoneinfo/$1" /etc/localtime
printf '%s\n' "$1" > /etc/timezone
`
)

func (m *machine) timezone(ctx context.Context, zone string, systemd bool) error {
	if zone == "" {
		return nil
	}
	ask, set := zoneScript, setZone
	if !systemd {
		ask, set = zoneScriptPlain, setZonePlain
	}
	now, err := m.output(ctx, "asking for the time zone", ask)
	if err != nil || now == zone {
		return err
	}
	if err := m.must(ctx, "setting the time zone "+zone, set, zone); err != nil {
		return err
	}
	m.note("time zone " + zone)
	return nil
}

// noSuchName is getent's status for a name that it does not find (getent(1)).
const noSuchName = 2

func (m *machine) users(ctx context.Context, users []spec.User) error {
	for _, user := range users {
		if err := m.user(ctx, user); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) user(ctx context.Context, u spec.User) error {
	r, err := m.read(ctx, `exec getent passwd "$1"`, u.Name)
	switch {
	case err != nil:
		return fault.Wrap(fault.KindOf(err), err, "looking for user "+u.Name)
	case r.Exit == 0:
		return sameUser(u, string(r.Stdout))
	case r.Exit != noSuchName:
		return fault.New(fault.Invalid, "looking for user %s: %s", u.Name, r.Text())
	}
	if u.Shell == "" {
		u.Shell = spec.DefaultShell
	}
	args := []string{"--user-group", "--shell", u.Shell}
	if u.System {
		args = append(args, "--system", "--no-create-home")
	} else {
		args = append(args, "--create-home")
	}
	if u.Home != "" {
		args = append(args, "--home-dir", u.Home)
	}
	if err := m.must(ctx, "making user "+u.Name, `exec useradd "$@"`, append(args, u.Name)...); err != nil {
		return err
	}
	m.note("user " + u.Name)
	return nil
}

// sameUser compares an account with the one wanted. A differing one is left alone: it may be somebody's.
func sameUser(u spec.User, passwd string) error {
	fields := strings.Split(strings.TrimSpace(passwd), ":")
	if len(fields) != 7 {
		return fault.New(fault.Invalid, "user %s: getent answers %q", u.Name, passwd)
	}
	if u.Home != "" && fields[5] != u.Home {
		return fault.New(fault.Conflict, "user %s exists with the home %s, expected %s", u.Name, fields[5], u.Home)
	}
	if u.Shell != "" && fields[6] != u.Shell {
		return fault.New(fault.Conflict, "user %s exists with the shell %s, expected %s", u.Name, fields[6], u.Shell)
	}
	return nil
}
