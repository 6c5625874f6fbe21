package guest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// packageCommands are apt and dpkg.
func packageCommands() map[string]Command {
	return map[string]Command{"apt-get": aptGet, "dpkg": dpkg, "dpkg-query": dpkgQuery, "apt-cache": aptCache, "apt-mark": fixed("")}
}

// dpkgLock is the lock that apt and dpkg exclude each other by.
const dpkgLock = "/var/lib/dpkg/lock-frontend"

// LockPackages holds the package manager's lock, as unattended-upgrades does on a fresh machine, until release is called.
func (m *Machine) LockPackages() (release func()) {
	return m.locks.take(context.Background(), dpkgLock, -1)
}

const aptFlags = "y yes assume-yes q quiet? qq o: option: no-install-recommends install-recommends no-remove allow-downgrades" +
	" allow-change-held-packages s simulate dry-run f fix-broken purge auto-remove reinstall only-upgrade t: target-release:"

func aptGet(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], aptFlags)
	if err != nil {
		fmt.Fprintf(c.Stderr, "E: Command line option %v is not understood in combination with the other options\n", err)
		return 100
	}
	if len(f.args) == 0 {
		return aptError(c, "Usage: apt-get [options] command")
	}
	settings := map[string]string{}
	for _, option := range append(f.values["o"], f.values["option"]...) {
		key, value, ok := strings.Cut(option, "=")
		if !ok {
			return aptError(c, "Option %s: Configuration item specification must have an =<val>.", option)
		}
		settings[strings.ToLower(key)] += " " + value
	}
	a := &apt{call: c, flags: f, settings: settings}
	steps := map[string]func(context.Context, []string) int{
		"update": a.update, "install": a.install, "remove": a.remove, "purge": a.remove, "upgrade": a.upgrade, "dist-upgrade": a.upgrade,
		"clean": a.nothing, "autoremove": a.nothing, "autoclean": a.nothing, "check": a.nothing,
	}
	step, ok := steps[f.args[0]]
	if !ok {
		return aptError(c, "Invalid operation %s", f.args[0])
	}
	release, code := a.lock(ctx)
	if release == nil {
		return code
	}
	defer release()
	return step(ctx, f.args[1:])
}

func aptError(c Call, format string, args ...any) int {
	fmt.Fprintf(c.Stderr, "E: "+format+"\n", args...)
	return 100
}

// apt is one call of apt-get.
type apt struct {
	call     Call
	flags    flags
	settings map[string]string // Of -o, names in lower case.
}

func (a *apt) lock(ctx context.Context) (func(), int) {
	c := a.call
	if !c.Root() {
		return nil, aptError(c, "Could not open lock file %s - open (13: Permission denied)\nE: Unable to acquire the dpkg frontend lock (%s), are you root?", dpkgLock, dpkgLock)
	}
	seconds, err := strconv.Atoi(strings.TrimSpace(a.settings["dpkg::lock::timeout"]))
	if err != nil {
		seconds = 0
	}
	release := c.Machine.locks.take(ctx, dpkgLock, time.Duration(seconds)*time.Second)
	if release == nil {
		return nil, aptError(c, "Could not get lock %s. It is held by process 321 (unattended-upgr)\nN: Be aware that removing the lock file is not a solution and may break your system.\nE: Unable to acquire the dpkg frontend lock (%s), is another process using it?", dpkgLock, dpkgLock)
	}
	return release, 0
}

func (a *apt) nothing(context.Context, []string) int { return 0 }

// update reads the lists: every repository that sources name must be reachable.
func (a *apt) update(ctx context.Context, _ []string) int {
	code := 0
	for _, uri := range a.call.Machine.repositories() {
		if err := a.call.Machine.reach(ctx, uri); err != nil {
			a.call.Print("Err:1 %s\n", uri)
			text := fmt.Sprintf("Failed to fetch %s  %v", uri, err)
			if strings.TrimSpace(a.settings["apt::update::error-mode"]) == "any" {
				code = aptError(a.call, "%s", text)
			} else {
				fmt.Fprintf(a.call.Stderr, "W: %s\nW: Some index files failed to download. They have been ignored, or old ones used instead.\n", text)
			}
			continue
		}
		a.call.Print("Hit:1 %s\n", uri)
	}
	if bad := a.call.Machine.unverified(); bad != "" {
		return aptError(a.call, "The repository '%s InRelease' is not signed.\nW: GPG error: %s InRelease: The following signatures couldn't be verified "+
			"because the public key is not available: NO_PUBKEY 0123456789ABCDEF", bad, bad)
	}
	if code != 0 {
		return aptError(a.call, "Some index files failed to download. They have been ignored, or old ones used instead.")
	}
	a.call.Machine.change(func(s *state) { s.Lists = true })
	a.call.Print("Reading package lists...\n")
	return 0
}

// unverified is the address of a source whose Signed-By holds another key than the repository is signed with.
func (m *Machine) unverified() string {
	v := m.files.as(root)
	entries, err := v.readDir("/etc/apt/sources.list.d")
	if err != nil || m.options.RepositoryKey == "" {
		return ""
	}
	for _, entry := range entries {
		fields := map[string]string{}
		data, _ := v.readFile("/etc/apt/sources.list.d/" + entry.Name())
		for _, line := range lines(data) {
			key, value, _ := strings.Cut(line, ":")
			fields[strings.ToLower(key)] = strings.TrimSpace(value)
		}
		key, err := v.readFile(fields["signed-by"])
		if err == nil && strings.TrimSpace(string(key)) != strings.TrimSpace(m.options.RepositoryKey) {
			return fields["uris"] + " " + fields["suites"]
		}
	}
	return ""
}

func (a *apt) interruptedError() int {
	if len(a.call.Machine.interrupted()) == 0 {
		return 0
	}
	return aptError(a.call, "dpkg was interrupted, you must manually run 'sudo dpkg --configure -a' to correct the problem. ")
}

// install checks everything before it changes anything.
func (a *apt) install(ctx context.Context, wanted []string) int {
	if code := a.interruptedError(); code != 0 {
		return code
	}
	c := a.call
	c.Print("Reading package lists...\nBuilding dependency tree...\nReading state information...\n")
	var chosen []Release
	var names []string
	for len(wanted) > 0 {
		name, version, _ := strings.Cut(wanted[0], "=")
		wanted = wanted[1:]
		if slices.Contains(names, name) {
			continue
		}
		r, code := a.choose(name, version)
		if code != 0 {
			return code
		}
		before, _ := c.Machine.installed(name)
		if r.Version == "" || before.Status == statusInstalled && before.Version == r.Version && !a.flags.has("reinstall") {
			c.Print("%s is already the newest version (%s).\n", name, before.Version)
			continue
		}
		chosen, names = append(chosen, r), append(names, name)
		wanted = append(wanted, r.Depends...)
	}
	if a.flags.has("s", "simulate", "dry-run") {
		for i, name := range names {
			c.Print("Inst %s (%s)\n", name, chosen[i].Version)
		}
		return 0
	}
	for i, name := range names {
		if ctx.Err() != nil {
			c.Machine.InterruptPackage(name)
			return 130
		}
		if code := a.unpack(name, chosen[i].Version); code != 0 {
			return code
		}
	}
	return 0
}

// choose finds the release; an empty one for what is in the base system already.
func (a *apt) choose(name, version string) (Release, int) {
	m := a.call.Machine
	before, was := m.installed(name)
	p, known := m.catalogue.find(name)
	if !known && was && (version == "" || version == before.Version) {
		return Release{}, 0
	}
	if !known || !read(m, func(s *state) bool { return s.Lists }) && !was {
		return Release{}, aptError(a.call, "Unable to locate package %s", name)
	}
	if version == "" && before.Status == statusInstalled && a.flags.has("only-upgrade") {
		version = before.Version
	}
	r, ok := p.release(version)
	if !ok {
		return Release{}, aptError(a.call, "Version '%s' for '%s' was not found", version, name)
	}
	if before.Status == statusInstalled && compareVersions(r.Version, before.Version) < 0 && !a.flags.has("allow-downgrades") {
		return Release{}, aptError(a.call, "Packages were downgraded and -y was used without --allow-downgrades.")
	}
	return r, 0
}

func (a *apt) unpack(name, version string) int {
	c := a.call
	c.Print("Setting up %s (%s) ...\n", name, version)
	keep := strings.Contains(a.settings["dpkg::options::"]+a.settings["dpkg::options"], "--force-conf")
	err := c.Machine.unpack(name, version, keep)
	var refused *dpkgError
	switch {
	case errors.As(err, &refused):
		c.Machine.change(func(s *state) { s.Packages[name] = &installed{Version: version, Status: statusHalf} })
		fmt.Fprintf(c.Stderr, "%s\nErrors were encountered while processing:\n %s\n", refused.text, name)
		return aptError(c, "Sub-process /usr/bin/dpkg returned an error code (1)")
	case err != nil:
		return aptError(c, "%s", reason(err))
	}
	if err := c.Machine.startUnits(name, version); err != nil {
		return aptError(c, "%v", err)
	}
	return 0
}

func (a *apt) remove(_ context.Context, names []string) int {
	if code := a.interruptedError(); code != 0 {
		return code
	}
	if a.flags.has("no-remove") {
		return aptError(a.call, "Packages need to be removed but remove is disabled.")
	}
	for _, name := range names {
		_, known := a.call.Machine.catalogue.find(name)
		_, was := a.call.Machine.installed(name)
		switch {
		case !known && !was:
			return aptError(a.call, "Unable to locate package %s", name)
		case !was:
			a.call.Print("Package '%s' is not installed, so not removed\n", name)
			continue
		case !known:
			return aptError(a.call, "Removing essential package %s is not permitted", name)
		}
		a.call.Print("Removing %s ...\n", name)
		if err := a.call.Machine.uninstall(name, a.flags.has("purge") || a.flags.args[0] == "purge"); err != nil {
			return aptError(a.call, "%s", reason(err))
		}
	}
	return 0
}

func (a *apt) upgrade(ctx context.Context, _ []string) int {
	var names []string
	for _, p := range a.call.Machine.catalogue {
		if before, was := a.call.Machine.installed(p.Name); was && before.Status == statusInstalled {
			names = append(names, p.Name)
		}
	}
	return a.install(ctx, names)
}

func dpkg(_ context.Context, c Call) int {
	args := c.Args[1:]
	switch {
	case len(args) == 4 && args[0] == "--compare-versions":
		return compareCommand(c, args[1:])
	case len(args) == 1 && args[0] == "--print-architecture":
		c.Print("amd64\n")
		return 0
	case len(args) >= 2 && (args[0] == "-s" || args[0] == "--status"):
		return dpkgStatus(c, args[1:])
	case len(args) >= 2 && args[0] == "--configure":
		if !c.Root() {
			return c.Fail(2, "error: requested operation requires superuser privilege")
		}
		for _, name := range c.Machine.interrupted() {
			c.Print("Setting up %s ...\n", name)
			c.Machine.change(func(s *state) { s.Packages[name].Status = statusInstalled })
		}
		return 0
	}
	return c.Fail(2, "error: need an action option")
}

func compareCommand(c Call, args []string) int {
	order := compareVersions(args[0], args[2])
	verdicts := map[string]bool{
		"lt": order < 0, "le": order <= 0, "eq": order == 0, "ne": order != 0, "ge": order >= 0, "gt": order > 0,
		"<<": order < 0, "<=": order <= 0, "=": order == 0, ">=": order >= 0, ">>": order > 0,
	}
	verdict, ok := verdicts[args[1]]
	switch {
	case !ok:
		return c.Fail(2, "error: --compare-versions bad relation")
	case verdict:
		return 0
	}
	return 1
}

func dpkgStatus(c Call, names []string) int {
	code := 0
	for _, name := range names {
		p, ok := c.Machine.installed(name)
		if !ok {
			fmt.Fprintf(c.Stderr, "dpkg-query: package '%s' is not installed and no information is available\n", name)
			code = 1
			continue
		}
		c.Print("Package: %s\nStatus: %s\nArchitecture: amd64\nVersion: %s\n\n", name, want(p.Status), p.Version)
	}
	return code
}

// want is the long form of a state.
func want(status string) string {
	return map[string]string{statusInstalled: "install ok installed", statusHalf: "install ok half-configured", statusConfig: "deinstall ok config-files"}[status]
}

func dpkgQuery(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "W show f: showformat: s status l list")
	if err != nil {
		return c.Fail(2, "error: %v", err)
	}
	if f.has("s", "status") {
		return dpkgStatus(c, f.args)
	}
	if !f.has("W", "show") {
		return c.Fail(2, "error: need an action option")
	}
	format := cmpOr(f.value("f", "showformat"), `${binary:Package}\t${Version}\n`)
	names := f.args
	if len(names) == 0 {
		names = read(c.Machine, func(s *state) []string {
			var all []string
			for name := range s.Packages {
				all = append(all, name)
			}
			slices.Sort(all)
			return all
		})
	}
	code := 0
	for _, name := range names {
		p, ok := c.Machine.installed(name)
		if !ok {
			code = c.Fail(1, "no packages found matching %s", name)
			continue
		}
		short := map[string]string{statusInstalled: "ii ", statusHalf: "iF ", statusConfig: "rc "}[p.Status]
		c.Print("%s", strings.NewReplacer(`\n`, "\n", `\t`, "\t", "${Package}", name, "${binary:Package}", name, "${Version}", p.Version,
			"${Status}", want(p.Status), "${db:Status-Status}", p.Status, "${db:Status-Abbrev}", short, "${Architecture}", "amd64").Replace(format))
	}
	return code
}

func aptCache(_ context.Context, c Call) int {
	if len(c.Args) < 3 || c.Args[1] != "policy" && c.Args[1] != "madison" {
		return aptError(c, "Invalid operation")
	}
	for _, name := range c.Args[2:] {
		p, ok := c.Machine.catalogue.find(name)
		if !ok || !read(c.Machine, func(s *state) bool { return s.Lists }) {
			fmt.Fprintf(c.Stderr, "N: Unable to locate package %s\n", name)
			continue
		}
		for _, r := range slices.Backward(p.Releases) {
			c.Print("%10s | %10s | http://deb.debian.org/debian bookworm/main amd64 Packages\n", name, r.Version)
		}
	}
	return 0
}
