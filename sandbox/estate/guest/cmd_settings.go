package guest

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // The zones of the guest are the same on every real machine.
)

// settingCommands read and set host name, time and the machine's facts.
func settingCommands() map[string]Command {
	return map[string]Command{
		"hostname": hostname, "hostnamectl": hostnamectl, "timedatectl": timedatectl, "uname": uname, "date": date, "uptime": uptime,
		"nproc": fixed("1"), "arch": fixed("x86_64"), "systemd-detect-virt": fixed("vmware"), "reboot": power, "poweroff": power, "shutdown": power,
	}
}

func fixed(text string) Command {
	return func(_ context.Context, c Call) int {
		c.Print("%s\n", text)
		return 0
	}
}

var errHostname = fmt.Errorf("invalid host name")

func (m *Machine) setHostname(name string) error {
	if len(name) > 64 || !regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$`).MatchString(name) {
		return errHostname
	}
	old := m.Hostname()
	m.change(func(s *state) { s.Hostname = name })
	if old != name && m.Running() {
		m.options.Network.RemoveName(old)
		m.options.Network.SetName(name, m.Address())
	}
	return nil
}

func hostname(_ context.Context, c Call) int {
	name := c.Machine.Hostname()
	short, domain, _ := strings.Cut(name, ".")
	if domain == "" {
		domain = c.Machine.options.Domain
	}
	switch arg := strings.Join(c.Args[1:], " "); {
	case arg == "":
		c.Print("%s\n", name)
	case arg == "-s" || arg == "--short":
		c.Print("%s\n", short)
	case arg == "-d" || arg == "--domain":
		c.Print("%s\n", domain)
	case arg == "-f" || arg == "--fqdn" || arg == "--long":
		c.Print("%s\n", strings.TrimSuffix(short+"."+domain, "."))
	case arg == "-I" || arg == "--all-ip-addresses" || arg == "-i":
		c.Print("%s \n", c.Machine.Address())
	case strings.HasPrefix(arg, "-"):
		return c.Fail(4, "invalid option -- '%s'", strings.TrimLeft(arg, "-"))
	case !c.Root():
		return c.Fail(1, "you must be root to change the host name")
	default:
		if err := c.Machine.setHostname(arg); err != nil {
			return c.Fail(1, "the specified hostname is invalid")
		}
	}
	return 0
}

func hostnamectl(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "static transient pretty no-ask-password")
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	switch {
	case len(f.args) == 0 || f.args[0] == "status":
		c.Print(" Static hostname: %s\n       Icon name: computer-vm\n  Virtualization: vmware\nOperating System: Debian GNU/Linux 12 (bookworm)\n          Kernel: Linux 6.1.0-37-amd64\n    Architecture: x86-64\n", c.Machine.Hostname())
	case (f.args[0] == "hostname" || f.args[0] == "set-hostname") && len(f.args) == 2:
		if !c.Root() {
			fmt.Fprintln(c.Stderr, "Could not set static hostname: Interactive authentication required.")
			return 1
		}
		if err := c.Machine.setHostname(f.args[1]); err != nil {
			fmt.Fprintf(c.Stderr, "Could not set static hostname: Invalid static hostname '%s'\n", f.args[1])
			return 1
		}
		if err := c.Machine.WriteFile("/etc/hostname", []byte(f.args[1]+"\n"), 0o644); err != nil {
			fmt.Fprintf(c.Stderr, "Could not set static hostname: %s\n", reason(err))
			return 1
		}
	case f.args[0] == "hostname":
		c.Print("%s\n", c.Machine.Hostname())
	default:
		fmt.Fprintf(c.Stderr, "Unknown command verb %s.\n", f.args[0])
		return 1
	}
	return 0
}

// zone reports whether a time zone exists.
func zone(name string) bool {
	if name == "" || name == "Local" || strings.Contains(name, "..") || path.IsAbs(name) {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

func (m *Machine) setTimezone(name string) error {
	v := m.files.as(root)
	if err := v.writeFile("/etc/timezone", []byte(name+"\n"), 0o644); err != nil {
		return err
	}
	if err := missingIsFine(v.remove("/etc/localtime")); err != nil {
		return err
	}
	file := "/usr/share/zoneinfo/" + name
	if err := m.WriteFile(file, []byte("TZif2 "+name+"\n"), 0o644); err != nil {
		return err
	}
	m.change(func(s *state) { s.Timezone = name })
	return v.symlink(file, "/etc/localtime")
}

func timedatectl(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "p: property: value no-ask-password no-pager")
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	current := read(c.Machine, func(s *state) string { return s.Timezone })
	verb := "status"
	if len(f.args) > 0 {
		verb = f.args[0]
	}
	switch {
	case verb == "status":
		c.Print("               Time zone: %s\nSystem clock synchronized: yes\n              NTP service: active\n", current)
	case verb == "show":
		for _, pair := range [][2]string{{"Timezone", current}, {"LocalRTC", "no"}, {"NTP", "yes"}, {"NTPSynchronized", "yes"}} {
			if f.has("p", "property") && f.value("p", "property") != pair[0] {
				continue
			}
			if f.has("value") {
				c.Print("%s\n", pair[1])
			} else {
				c.Print("%s=%s\n", pair[0], pair[1])
			}
		}
	case verb == "set-timezone" && len(f.args) == 2:
		if !c.Root() {
			fmt.Fprintln(c.Stderr, "Failed to set time zone: Interactive authentication required.")
			return 1
		}
		if !zone(f.args[1]) {
			fmt.Fprintf(c.Stderr, "Failed to set time zone: Invalid or not installed time zone '%s'\n", f.args[1])
			return 1
		}
		if err := c.Machine.setTimezone(f.args[1]); err != nil {
			fmt.Fprintf(c.Stderr, "Failed to set time zone: %s\n", reason(err))
			return 1
		}
	case verb == "set-ntp" && len(f.args) == 2:
	default:
		fmt.Fprintf(c.Stderr, "Unknown command verb %s.\n", verb)
		return 1
	}
	return 0
}

func uname(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "a s n r m v o p i all")
	if err != nil {
		return c.usage(1, err)
	}
	if len(f.order) == 0 {
		f.values["s"] = []string{""}
	}
	var words []string
	for _, part := range [][2]string{
		{"s", "Linux"}, {"n", c.Machine.Hostname()}, {"r", "6.1.0-37-amd64"}, {"v", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1"}, {"m", "x86_64"}, {"o", "GNU/Linux"},
	} {
		if f.has(part[0], "a", "all") {
			words = append(words, part[1])
		}
	}
	c.Print("%s\n", strings.Join(words, " "))
	return 0
}

func date(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "u utc I? iso-8601? R")
	if err != nil {
		return c.usage(1, err)
	}
	now := time.Now().UTC()
	if !f.has("u", "utc") {
		if location, err := time.LoadLocation(read(c.Machine, func(s *state) string { return s.Timezone })); err == nil {
			now = now.In(location)
		}
	}
	switch {
	case len(f.args) == 0 && f.has("I", "iso-8601"):
		c.Print("%s\n", now.Format("2006-01-02"))
	case len(f.args) == 0:
		c.Print("%s\n", now.Format("Mon Jan _2 15:04:05 MST 2006"))
	case strings.HasPrefix(f.args[0], "+"):
		c.Print("%s\n", strings.NewReplacer(
			"%s", fmt.Sprint(now.Unix()), "%Y", now.Format("2006"), "%m", now.Format("01"), "%d", now.Format("02"), "%H", now.Format("15"),
			"%M", now.Format("04"), "%S", now.Format("05"), "%F", now.Format("2006-01-02"), "%T", now.Format("15:04:05"), "%N", now.Format("000000000"),
			"%Z", now.Format("MST"), "%z", now.Format("-0700"), "%%", "%").Replace(f.args[0][1:]))
	default:
		return c.Fail(1, "cannot set date: Operation not permitted")
	}
	return 0
}

func uptime(_ context.Context, c Call) int {
	r := c.Machine.current()
	if r == nil {
		return 1
	}
	c.Print(" up %s\n", time.Since(r.since).Round(time.Second))
	return 0
}

// power is reboot, poweroff and shutdown. It answers first and acts then: the session that asked is cut.
func power(ctx context.Context, c Call) int {
	name := path.Base(c.Args[0])
	if !c.Root() {
		return c.Fail(1, "Interactive authentication required.")
	}
	restart := name == "reboot" || name == "shutdown" && strings.Contains(strings.Join(c.Args, " "), "-r")
	go func() {
		var err error
		if restart {
			err = c.Machine.Reboot(context.WithoutCancel(ctx))
		} else {
			err = c.Machine.Stop()
		}
		if err != nil {
			c.Machine.log.Warn("the guest's "+name+" failed", "error", err)
		}
	}()
	return 0
}
