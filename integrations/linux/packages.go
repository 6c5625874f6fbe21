package linux

import (
	"context"
	"strings"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

const (
	installedScript = `for name; do
  printf '%s ' "$name"
  dpkg-query -W -f '${db:Status-Status} ${Version}' "$name" 2>/dev/null || printf 'absent -'
  echo
done
`
	// One script, and so one lock: nothing comes between the lists that are read and what is installed from them.
	aptInstall = `apt-get -q -y -o DPkg::Lock::Timeout=120 -o APT::Update::Error-Mode=any update || exit
exec apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef ` +
		`-o Dpkg::Options::=--force-confold --no-remove`
	installScript = aptInstall + ` install "$@"
`
)

// packages installs those that are not there: "name" in any version, "name=version" in exactly that one.
func (m *machine) packages(ctx context.Context, wanted []string) error {
	if len(wanted) == 0 {
		return nil
	}
	lacking, err := m.lacking(ctx, wanted)
	if err != nil || len(lacking) == 0 {
		return err
	}
	m.said.Say("installing " + strings.Join(lacking, ", "))
	if err := m.apt(ctx, "installing "+strings.Join(lacking, ", "), installScript, lacking...); err != nil {
		return err
	}
	still, err := m.lacking(ctx, lacking)
	if err != nil {
		return err
	}
	if len(still) > 0 {
		return fault.New(fault.Conflict, "apt-get ended well on %s, but %s is not installed", m.host.Name, strings.Join(still, ", "))
	}
	for _, name := range lacking {
		m.note("package " + name)
	}
	return nil
}

// versions are those of the named packages that are installed. What stands behind a "=" does not matter.
func (m *machine) versions(ctx context.Context, wanted []string) (map[string]string, error) {
	names := make([]string, len(wanted))
	for i, w := range wanted {
		names[i], _, _ = strings.Cut(w, "=")
	}
	out, err := m.output(ctx, "asking for packages", installedScript, names...)
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[1] == "installed" {
			versions[fields[0]] = fields[2]
		}
	}
	return versions, nil
}

func (m *machine) lacking(ctx context.Context, wanted []string) ([]string, error) {
	versions, err := m.versions(ctx, wanted)
	if err != nil {
		return nil, err
	}
	var lacking []string
	for _, w := range wanted {
		name, version, exact := strings.Cut(w, "=")
		have, ok := versions[name]
		if !ok || (exact && have != version) {
			lacking = append(lacking, w)
		}
	}
	return lacking, nil
}

func (m *machine) apt(ctx context.Context, doing, script string, args ...string) error {
	r, err := m.change(ctx, nil, script, args...)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, doing)
	}
	return aptFault(r, doing+" on "+m.host.Name)
}

// aptAnswers say what apt's and dpkg's messages mean. The first that is found decides; those that a retry cures stand
// behind those that it does not.
var aptAnswers = []struct {
	text string
	kind fault.Kind
}{
	{"dpkg was interrupted", fault.Conflict},
	{"Unmet dependencies", fault.Conflict},
	{"unmet dependencies", fault.Conflict},
	{"Packages were downgraded", fault.Conflict},
	{"Packages need to be removed", fault.Conflict},
	{"Held packages were changed", fault.Conflict},
	{"held broken packages", fault.Conflict},
	{"Conflicting values set for option", fault.Conflict}, // The machine knows the repository already, with another key.
	{"You don't have enough free space", fault.Conflict},
	{"No space left on device", fault.Conflict},
	{"Sub-process /usr/bin/dpkg returned an error", fault.Conflict},
	{"Unable to locate package", fault.Invalid},
	{"has no installation candidate", fault.Invalid},
	{"was not found", fault.Invalid}, // E: Version '9' for 'x' was not found.
	{"is not signed", fault.Unauthorized},
	{"NO_PUBKEY", fault.Unauthorized},
	{"signatures couldn't be verified", fault.Unauthorized},
	{"signatures were invalid", fault.Unauthorized},
	{"Certificate verification failed", fault.Unauthorized},
	{"does not have a Release file", fault.Invalid},
	{"Malformed", fault.Invalid},
	{"Could not get lock", fault.Unavailable},
	{"Unable to acquire the dpkg frontend lock", fault.Unavailable},
	{"Temporary failure resolving", fault.Unavailable},
	{"Could not resolve", fault.Unavailable},
	{"Could not connect", fault.Unavailable},
	{"Connection failed", fault.Unavailable},
	{"Connection timed out", fault.Unavailable},
	{"Unable to connect", fault.Unavailable},
	{"Hash Sum mismatch", fault.Unavailable}, // A mirror between two states.
	{"Failed to fetch", fault.Unavailable},
	{"Unable to fetch", fault.Unavailable},
}

func aptFault(r sshx.Result, doing string) error {
	if r.Exit == 0 {
		return nil
	}
	if r.Signal != "" {
		return fault.New(fault.Ambiguous, "%s: it was ended by %s", doing, r.Signal)
	}
	said := string(r.Stderr) + "\n" + string(r.Stdout)
	for _, answer := range aptAnswers {
		if strings.Contains(said, answer.text) {
			return fault.New(answer.kind, "%s: %s", doing, aptErrors(r))
		}
	}
	return fault.New(fault.Invalid, "%s: %s", doing, aptErrors(r))
}

// aptErrors is what a person needs of it: the lines that begin with E: or W:, else the end.
func aptErrors(r sshx.Result) string {
	var lines []string
	for _, line := range strings.Split(string(r.Stderr), "\n") {
		if strings.HasPrefix(line, "E: ") || strings.HasPrefix(line, "W: ") || strings.HasPrefix(line, "dpkg: error") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) == 0 {
		return r.Text()
	}
	return strings.Join(lines[:min(len(lines), 4)], " ")
}
