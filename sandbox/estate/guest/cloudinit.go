package guest

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"mvdan.cc/sh/v3/syntax"
)

// cloudConfig is the part of cloud-init's user data that is understood. Other keys are noted in the journal.
type cloudConfig struct {
	Hostname  string         `yaml:"hostname"`
	FQDN      string         `yaml:"fqdn"`
	Timezone  string         `yaml:"timezone"`
	Keys      []string       `yaml:"ssh_authorized_keys"`
	Users     []yaml.Node    `yaml:"users"`
	Files     []cloudFile    `yaml:"write_files"`
	Packages  []yaml.Node    `yaml:"packages"`
	Bootcmd   []yaml.Node    `yaml:"bootcmd"`
	Runcmd    []yaml.Node    `yaml:"runcmd"`
	Remaining map[string]any `yaml:",inline"`
}

type cloudUser struct {
	Name   string    `yaml:"name"`
	Gecos  string    `yaml:"gecos"`
	Shell  string    `yaml:"shell"`
	Home   string    `yaml:"homedir"`
	System bool      `yaml:"system"`
	Groups yaml.Node `yaml:"groups"`
	Sudo   yaml.Node `yaml:"sudo"`
	Keys   []string  `yaml:"ssh_authorized_keys"`
}

type cloudFile struct {
	Path        string `yaml:"path"`
	Content     string `yaml:"content"`
	Encoding    string `yaml:"encoding"`
	Owner       string `yaml:"owner"`
	Permissions string `yaml:"permissions"`
	Append      bool   `yaml:"append"`
	Defer       bool   `yaml:"defer"` // Written after users and packages; without it an owner must exist before.
}

// cloudInit runs what the platform handed over, once for each instance.
func (m *Machine) cloudInit(ctx context.Context) {
	given := m.options.CloudInit
	instance := cmpOr(given.InstanceID, "iid-"+m.options.Name)
	if read(m, func(s *state) bool { return s.Instance == instance && s.CloudInit != "" }) {
		return
	}
	m.change(func(s *state) { s.Instance, s.CloudInit = instance, "" })
	outcome := "done"
	if err := m.firstBoot(ctx, given); err != nil {
		m.Journal("cloud-final", err.Error())
		m.log.Warn("cloud-init of the guest", "error", err)
		outcome = "error"
	}
	if ctx.Err() != nil {
		return // The power went: it begins anew at the next boot.
	}
	m.change(func(s *state) { s.CloudInit = outcome })
}

func (m *Machine) firstBoot(ctx context.Context, given CloudInit) error {
	if given.Hostname != "" {
		if err := m.applyHostname(given.Hostname); err != nil {
			return err
		}
	}
	data := strings.TrimSpace(given.UserData)
	switch {
	case data == "":
		return nil
	case strings.HasPrefix(data, "#!"):
		return m.firstScript(ctx, data)
	case !strings.HasPrefix(data, "#cloud-config"):
		return fmt.Errorf("unhandled non-multipart user data: it begins with %.20q", data)
	}
	var config cloudConfig
	if err := yaml.Unmarshal([]byte(data), &config); err != nil {
		return fmt.Errorf("reading the user data: %w", err)
	}
	for key := range config.Remaining {
		m.Journal("cloud-init", "not emulated: "+key)
	}
	return m.applyCloud(ctx, config)
}

func (m *Machine) applyCloud(ctx context.Context, config cloudConfig) error {
	steps := []func() error{
		func() error { return m.runCommands(ctx, config.Bootcmd) },
		func() error { return m.writeCloudFiles(config.Files, false) },
		func() error { return m.applyHostname(cmpOr(config.Hostname, config.FQDN)) },
		func() error { return m.cloudUsers(config) },
		func() error { return m.cloudZone(config.Timezone) },
		func() error { return m.cloudPackages(ctx, config.Packages) },
		func() error { return m.writeCloudFiles(config.Files, true) },
		func() error { return m.runCommands(ctx, config.Runcmd) },
	}
	var failed error
	for _, step := range steps { // A module that fails does not keep the next from running.
		if err := step(); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

func (m *Machine) applyHostname(name string) error {
	if name == "" {
		return nil
	}
	if err := m.setHostname(name); err != nil {
		return err
	}
	if err := m.WriteFile("/etc/hostname", []byte(name+"\n"), 0o644); err != nil {
		return err
	}
	return m.WriteFile("/etc/hosts", []byte("127.0.0.1 localhost\n127.0.1.1 "+name+"\n"), 0o644)
}

func (m *Machine) writeCloudFiles(files []cloudFile, deferred bool) error {
	for _, f := range files {
		if f.Defer != deferred {
			continue
		}
		data := []byte(f.Content)
		switch f.Encoding {
		case "", "text/plain":
		case "b64", "base64":
			var err error
			if data, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(f.Content), "")); err != nil {
				return fmt.Errorf("write_files %s: %w", f.Path, err)
			}
		default:
			return fmt.Errorf("write_files %s: encoding %q is not emulated", f.Path, f.Encoding)
		}
		mode, err := strconv.ParseUint(cmpOr(f.Permissions, "0644"), 8, 12)
		if err != nil {
			return fmt.Errorf("write_files %s: permissions %q", f.Path, f.Permissions)
		}
		if f.Append {
			if old, err := m.ReadFile(f.Path); err == nil {
				data = append(old, data...)
			}
		}
		if err := m.WriteFile(absolute("/", f.Path), data, uint32(mode)); err != nil {
			return fmt.Errorf("write_files: %w", err)
		}
		user, group, _ := strings.Cut(cmpOr(f.Owner, "root:root"), ":")
		uid, gid, err := m.owners(user, group)
		if err != nil {
			return fmt.Errorf("write_files %s: %w", f.Path, err)
		}
		if err := m.files.as(root).chown(f.Path, uid, gid); err != nil {
			return fmt.Errorf("write_files: %w", err)
		}
	}
	return nil
}

func (m *Machine) cloudUsers(config cloudConfig) error {
	first := m.options.User
	for _, node := range config.Users {
		var u cloudUser
		if node.Kind == yaml.ScalarNode {
			u.Name = node.Value
		} else if err := node.Decode(&u); err != nil {
			return fmt.Errorf("users: %w", err)
		}
		if u.Name == "default" {
			continue
		}
		if err := m.cloudUser(u); err != nil {
			return fmt.Errorf("users: %s: %w", u.Name, err)
		}
	}
	return m.authorize(first, config.Keys)
}

func (m *Machine) cloudUser(u cloudUser) error {
	if !validName(u.Name) {
		return fmt.Errorf("invalid user name")
	}
	if _, exists := m.lookupUser(u.Name); !exists {
		made := newUser{name: u.Name, home: cmpOr(u.Home, "/home/"+u.Name), shell: cmpOr(u.Shell, "/bin/bash"), gecos: u.Gecos, system: u.System, makeHome: !u.System}
		made.groups = cloudWords(u.Groups, ",")
		if _, err := m.addUser(made); err != nil {
			return err
		}
	}
	for _, rule := range cloudWords(u.Sudo, "\n") {
		if rule == "False" || rule == "false" || rule == "" {
			continue
		}
		line := u.Name + " " + rule + "\n"
		file := "/etc/sudoers.d/90-cloud-init-users"
		old, _ := m.ReadFile(file) // Missing at first.
		if err := m.WriteFile(file, append(old, line...), 0o440); err != nil {
			return err
		}
	}
	if len(u.Keys) == 0 {
		return nil
	}
	return m.authorize(u.Name, u.Keys)
}

// cloudWords reads what may be a string or a list.
func cloudWords(node yaml.Node, separator string) []string {
	var words []string
	switch node.Kind {
	case yaml.ScalarNode:
		if node.Tag != "!!null" {
			words = strings.Split(node.Value, separator)
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			words = append(words, item.Value)
		}
	}
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words
}

func (m *Machine) cloudZone(name string) error {
	if name == "" {
		return nil
	}
	if !zone(name) {
		return fmt.Errorf("timezone: %q is not installed", name)
	}
	return m.setTimezone(name)
}

func (m *Machine) cloudPackages(ctx context.Context, nodes []yaml.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	args := []string{}
	for _, node := range nodes {
		args = append(args, strings.Join(cloudWords(node, "\x00"), "="))
	}
	output, code := m.Exec(ctx, "apt-get update -q && apt-get install -y -q "+quoted(args))
	if code != 0 {
		return fmt.Errorf("packages: apt-get: %s", strings.TrimSpace(output))
	}
	return nil
}

func quoted(args []string) string {
	var words []string
	for _, arg := range args {
		words = append(words, "'"+strings.ReplaceAll(arg, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

// runCommands runs bootcmd and runcmd: a list is a command with arguments, a string a line of shell. As cloud-init does,
// one script for all, which goes on after a command that failed and ends with the status of the last.
func (m *Machine) runCommands(ctx context.Context, nodes []yaml.Node) error {
	if len(nodes) == 0 {
		return nil
	}
	text := ""
	for _, node := range nodes {
		if node.Kind == yaml.ScalarNode {
			text += node.Value + "\n"
		} else {
			text += quoted(cloudWords(node, "\x00")) + "\n"
		}
	}
	return m.firstScript(ctx, text)
}

func (m *Machine) firstScript(ctx context.Context, text string) error {
	var output lockedBuffer
	code := m.run(ctx, script{
		user: "root", name: "/var/lib/cloud/instance/scripts/runcmd", text: text, variant: syntax.LangPOSIX, dir: "/",
		env: m.environment(root), umask: 0o022, stdin: strings.NewReader(""), stdout: &output, stderr: &output,
	})
	old, _ := m.ReadFile("/var/log/cloud-init-output.log") // Missing at first.
	if err := m.WriteFile("/var/log/cloud-init-output.log", append(old, output.String()...), 0o640); err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("runcmd: exit status %d: %s", code, strings.TrimSpace(output.String()))
	}
	return nil
}

// cloudInitCommand is cloud-init status [--wait].
func cloudInitCommand(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "wait w long l")
	if err != nil || len(f.args) != 1 || f.args[0] != "status" {
		return c.Fail(2, "error: argument subcommand: invalid choice")
	}
	r := c.Machine.current()
	if f.has("wait", "w") && r != nil {
		select {
		case <-r.booted:
		case <-ctx.Done():
			return 1
		}
	}
	outcome := cmpOr(read(c.Machine, func(s *state) string { return s.CloudInit }), "running")
	c.Print("\nstatus: %s\n", outcome)
	return map[bool]int{true: 1, false: 0}[outcome == "error"]
}
