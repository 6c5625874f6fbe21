package guest

import (
	"context"
	"fmt"
)

// Debian's packages have an init script beside their unit. Without systemd it is what starts them, and the links in
// /etc/rc2.d say which ones start at boot.

func initScript(name string) string { return "/etc/init.d/" + name }

func (m *Machine) placeInitScript(name string) error {
	return m.WriteFile(initScript(name), fmt.Appendf(nil, "#!/bin/sh\nexec service %s \"$1\"\n", name), 0o755)
}

// linkInitScript makes the link of runlevel 2 say whether the service starts at boot.
func (m *Machine) linkInitScript(name string) error {
	if !m.options.InitScripts {
		return nil
	}
	letter := "K"
	if read(m, func(s *state) bool { return s.Enabled[name] }) {
		letter = "S"
	}
	v := m.files.as(root)
	if err := v.mkdirAll("/etc/rc2.d", 0o755); err != nil {
		return err
	}
	for _, old := range []string{"S", "K"} {
		if err := missingIsFine(v.remove("/etc/rc2.d/" + old + "01" + name)); err != nil {
			return err
		}
	}
	return v.symlink("../init.d/"+name, "/etc/rc2.d/"+letter+"01"+name)
}

// service is the old way: service NAME VERB. It runs the init script where there is no systemd (service(8)).
func service(ctx context.Context, c Call) int {
	if len(c.Args) < 3 {
		return c.Fail(2, "Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]")
	}
	name, verb := c.Args[1], c.Args[2]
	if !c.Machine.options.InitScripts {
		c.Args = []string{"systemctl", verb, name}
		return systemctl(ctx, c)
	}
	if _, ok := c.Machine.services.find(name); !ok {
		fmt.Fprintf(c.Stderr, "%s: unrecognized service\n", name)
		return 1
	}
	if verb == "status" {
		if c.Machine.services.status(name) == "active" {
			c.Print("%s is running.\n", name)
			return 0
		}
		c.Print("%s is not running ... failed!\n", name)
		return 3 // LSB: program is not running.
	}
	if !c.Root() {
		return c.Fail(4, "%s: you have to be root", name) // LSB: insufficient privilege.
	}
	return runInitScript(c, name, verb)
}

func runInitScript(c Call, name, verb string) int {
	run, ok := map[string]func(string) error{
		"start": c.Machine.services.start, "stop": c.Machine.services.stop,
		"restart": c.Machine.services.restart, "force-reload": c.Machine.services.restart,
	}[verb]
	if !ok {
		fmt.Fprintf(c.Stderr, "Usage: %s start|stop|restart|force-reload|status\n", initScript(name))
		return 2
	}
	if err := run(name); err != nil {
		for _, entry := range c.Machine.journal.of(name) { // What the program says goes to the terminal: there is no journal.
			fmt.Fprintln(c.Stderr, entry.text)
		}
		return 1
	}
	return 0
}

// updateRC is update-rc.d NAME VERB. Links that are there stay as they are under "defaults" (update-rc.d(8)).
func updateRC(ctx context.Context, c Call) int {
	if len(c.Args) < 3 {
		return c.Fail(1, "error: not enough arguments")
	}
	name, verb := c.Args[1], c.Args[2]
	on, ok := map[string]bool{"enable": true, "defaults": true, "disable": false, "remove": false}[verb]
	if !ok {
		return c.Fail(1, "error: invalid argument")
	}
	if !c.Machine.options.InitScripts {
		c.Args = []string{"systemctl", map[bool]string{true: "enable", false: "disable"}[on], name}
		return systemctl(ctx, c)
	}
	if !c.Root() {
		return c.Fail(1, "error: Permission denied")
	}
	if !c.files().exists(initScript(name)) {
		return c.Fail(1, "error: unable to read %s", initScript(name))
	}
	known := read(c.Machine, func(s *state) bool { _, known := s.Enabled[name]; return known })
	if known && verb == "defaults" {
		return 0
	}
	c.Machine.change(func(s *state) { s.Enabled[name] = on })
	if err := c.Machine.linkInitScript(name); err != nil {
		return c.Fail(1, "error: %v", err)
	}
	return 0
}
