package guest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// serviceCommands are systemctl and its elder.
func serviceCommands() map[string]Command {
	return map[string]Command{"systemctl": systemctl, "service": service, "update-rc.d": updateRC}
}

func systemctl(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "q quiet now no-pager n: lines: l full p: property: value no-block no-ask-password a all type: state: no-legend plain system")
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	if len(f.args) == 0 {
		return c.Fail(1, "a command is needed")
	}
	verb, units := f.args[0], f.args[1:]
	if verb == "is-system-running" {
		c.Print("running\n")
		return 0
	}
	if verb == "daemon-reload" || verb == "reset-failed" || verb == "daemon-reexec" {
		if !c.Root() {
			fmt.Fprintf(c.Stderr, "Failed to reload daemon: Interactive authentication required.\n")
			return 1
		}
		return 0
	}
	run, ok := map[string]func(context.Context, Call, flags, string) int{
		"start": act, "stop": act, "restart": act, "reload": act, "try-restart": act, "reload-or-restart": act,
		"enable": enable, "disable": enable, "is-active": isActive, "is-failed": isActive, "is-enabled": isEnabled, "status": unitStatus, "show": show, "cat": unitCat,
	}[verb]
	if !ok {
		fmt.Fprintf(c.Stderr, "Unknown command verb %s.\n", verb)
		return 1
	}
	if len(units) == 0 {
		fmt.Fprintln(c.Stderr, "Too few arguments.")
		return 1
	}
	code := 0
	for _, name := range units {
		if got := run(ctx, c, f, unitName(name)); got != 0 {
			code = got
		}
	}
	return code
}

func denied(c Call, verb, name string) bool {
	if c.Root() {
		return false
	}
	fmt.Fprintf(c.Stderr, "Failed to %s %s.service: Interactive authentication required.\n", verb, name)
	return true
}

func act(ctx context.Context, c Call, f flags, name string) int {
	s, verb := c.Machine.services, f.args[0]
	if denied(c, verb, name) {
		return 1
	}
	if _, ok := s.find(name); !ok {
		fmt.Fprintf(c.Stderr, "Failed to %s %s.service: Unit %s.service not %s.\n", verb, name, name, map[bool]string{true: "loaded", false: "found"}[verb == "stop"])
		return 5
	}
	active := s.status(name) == "active"
	var err error
	switch verb {
	case "start":
		err = s.start(name)
	case "stop":
		err = s.stop(name)
	case "restart":
		err = s.restart(name)
	case "reload":
		err = s.reload(ctx, name)
	case "try-restart":
		if active {
			err = s.restart(name)
		}
	default:
		if err = s.reload(ctx, name); !active {
			err = s.start(name)
		}
	}
	return unitFailure(c, err)
}

func unitFailure(c Call, err error) int {
	var refused *unitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &refused):
		fmt.Fprintln(c.Stderr, refused.text)
		return refused.code
	}
	fmt.Fprintln(c.Stderr, err)
	return 1
}

func enable(ctx context.Context, c Call, f flags, name string) int {
	verb := f.args[0]
	if denied(c, verb, name) {
		return 1
	}
	if _, ok := c.Machine.services.find(name); !ok {
		fmt.Fprintf(c.Stderr, "Failed to %s unit: Unit file %s.service does not exist.\n", verb, name)
		return 1
	}
	on := verb == "enable"
	if read(c.Machine, func(s *state) bool { return s.Enabled[name] }) != on {
		link := fmt.Sprintf("/etc/systemd/system/multi-user.target.wants/%s.service", name)
		if on {
			fmt.Fprintf(c.Stderr, "Created symlink %s → /lib/systemd/system/%s.service.\n", link, name)
		} else {
			fmt.Fprintf(c.Stderr, "Removed %s.\n", link)
		}
		c.Machine.change(func(s *state) { s.Enabled[name] = on })
	}
	if !f.has("now") {
		return 0
	}
	f.args = []string{map[bool]string{true: "start", false: "stop"}[on]}
	return act(ctx, c, f, name)
}

func isActive(_ context.Context, c Call, f flags, name string) int {
	status := c.Machine.services.status(name)
	if !f.has("q", "quiet") {
		c.Print("%s\n", status)
	}
	if status == map[string]string{"is-active": "active", "is-failed": "failed"}[f.args[0]] {
		return 0
	}
	return map[string]int{"is-active": 3, "is-failed": 1}[f.args[0]]
}

func isEnabled(_ context.Context, c Call, f flags, name string) int {
	if _, ok := c.Machine.services.find(name); !ok {
		fmt.Fprintf(c.Stderr, "Failed to get unit file state for %s.service: No such file or directory\n", name)
		return 1
	}
	on := read(c.Machine, func(s *state) bool { return s.Enabled[name] })
	if !f.has("q", "quiet") {
		c.Print("%s\n", map[bool]string{true: "enabled", false: "disabled"}[on])
	}
	return map[bool]int{true: 0, false: 1}[on]
}

func unitStatus(_ context.Context, c Call, f flags, name string) int {
	if _, ok := c.Machine.services.find(name); !ok {
		fmt.Fprintf(c.Stderr, "Unit %s.service could not be found.\n", name)
		return 4
	}
	status := c.Machine.services.status(name)
	c.Print("● %s.service\n     Loaded: loaded\n     Active: %s\n   Main PID: %d\n\n", name, status, c.Machine.services.pid(name))
	n, err := strconv.Atoi(cmpOr(f.value("n", "lines"), "10"))
	if err != nil || n < 0 {
		n = 10
	}
	entries := c.Machine.journal.of(name)
	for _, e := range entries[max(len(entries)-n, 0):] {
		c.Print("%s %s %s: %s\n", e.at.UTC().Format("Jan 02 15:04:05"), c.Machine.Hostname(), name, e.text)
	}
	return map[bool]int{true: 0, false: 3}[status == "active"]
}

func show(_ context.Context, c Call, f flags, name string) int {
	s := c.Machine.services
	_, loaded := s.find(name)
	status := s.status(name)
	enabled := read(c.Machine, func(st *state) bool { return st.Enabled[name] })
	var wanted []string
	for _, list := range append(f.values["p"], f.values["property"]...) {
		wanted = append(wanted, strings.Split(list, ",")...)
	}
	for _, pair := range [][2]string{
		{"Id", name + ".service"},
		{"LoadState", map[bool]string{true: "loaded", false: "not-found"}[loaded]},
		{"ActiveState", status},
		{"SubState", map[string]string{"active": "running", "failed": "failed", "inactive": "dead"}[status]},
		{"MainPID", strconv.Itoa(s.pid(name))},
		{"UnitFileState", map[bool]string{true: map[bool]string{true: "enabled", false: "disabled"}[enabled], false: ""}[loaded]},
	} {
		if len(wanted) > 0 && !slices.Contains(wanted, pair[0]) {
			continue
		}
		if f.has("value") {
			c.Print("%s\n", pair[1])
		} else {
			c.Print("%s=%s\n", pair[0], pair[1])
		}
	}
	return 0
}

func unitCat(_ context.Context, c Call, _ flags, name string) int {
	for _, file := range []string{"/etc/systemd/system/" + name + ".service", unitFile(name)} {
		if data, err := c.Machine.ReadFile(file); err == nil {
			c.Print("# %s\n%s", file, data)
			return 0
		}
	}
	fmt.Fprintf(c.Stderr, "No files found for %s.service.\n", name)
	return 1
}
