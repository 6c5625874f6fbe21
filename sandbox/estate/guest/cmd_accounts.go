package guest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// accountCommands manage users and groups, and tell who one is.
func accountCommands() map[string]Command {
	return map[string]Command{
		"id": id, "whoami": whoami, "groups": whoami, "useradd": useradd, "groupadd": groupadd, "usermod": usermod, "userdel": userdel,
		"getent": getent, "gpasswd": gpasswd, "chage": chage, "visudo": func(_ context.Context, c Call) int { return visudo(c) },
	}
}

// newUser is a user to be made.
type newUser struct {
	name, home, shell, gecos string
	system, makeHome         bool
	uid                      int    // 0: the next free one.
	group                    string // Primary group that exists; empty: one of the user's own.
	groups                   []string
	password                 string // As in /etc/shadow; empty: "*", which nobody has.
}

var errExists = errors.New("already exists")

func validName(name string) bool {
	return regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}\$?$`).MatchString(name)
}

// addUser writes a user to /etc/passwd and /etc/group.
func (m *Machine) addUser(u newUser) (account, error) {
	if _, taken := m.lookupUser(u.name); taken {
		return account{}, errExists
	}
	a := account{name: u.name, uid: u.uid, home: u.home, shell: u.shell, gecos: u.gecos}
	if a.uid == 0 {
		a.uid = m.freeID("/etc/passwd", u.system)
	}
	if u.group != "" {
		_, gid, ok := m.lookupGroup(u.group)
		if !ok {
			return account{}, fmt.Errorf("group '%s' does not exist", u.group)
		}
		a.gid = gid
	} else {
		gid, err := m.addGroup(u.name, a.uid, u.system)
		if err != nil {
			return account{}, err
		}
		a.gid = gid
	}
	line := fmt.Sprintf("%s:x:%d:%d:%s:%s:%s\n", a.name, a.uid, a.gid, a.gecos, a.home, a.shell)
	if err := errors.Join(m.appendLine("/etc/passwd", line), m.addShadow(a.name, cmpOr(u.password, "*"))); err != nil {
		return account{}, err
	}
	for _, group := range u.groups {
		if err := m.joinGroup(a.name, group); err != nil {
			return account{}, err
		}
	}
	v := m.files.as(root)
	if !u.makeHome || v.exists(a.home) { // A folder that is there stays its owner's.
		return a, nil
	}
	if err := v.mkdirAll(a.home, 0o755); err != nil {
		return account{}, err
	}
	return a, v.chown(a.home, a.uid, a.gid)
}

func (m *Machine) addGroup(name string, wanted int, system bool) (int, error) {
	if _, _, taken := m.lookupGroup(name); taken {
		return 0, fmt.Errorf("group %s exists - if you want to add this user to that group, use -g", name)
	}
	gid := wanted
	if _, _, taken := m.lookupGroup(strconv.Itoa(gid)); taken || gid == 0 {
		gid = m.freeID("/etc/group", system)
	}
	return gid, m.appendLine("/etc/group", fmt.Sprintf("%s:x:%d:\n", name, gid))
}

// freeID is the next number: system accounts count down from 999, others up from 1000.
func (m *Machine) freeID(file string, system bool) int {
	taken := map[int]bool{}
	for _, f := range m.records(file, 3) {
		if n, err := strconv.Atoi(f[2]); err == nil {
			taken[n] = true
		}
	}
	n, step := 1000, 1
	if system {
		n, step = 999, -1
	}
	for taken[n] {
		n += step
	}
	return n
}

func (m *Machine) appendLine(file, line string) error {
	return m.rewrite(file, func(data []byte) []byte { return append(data, line...) })
}

// editLines changes the fields of each line of a file; nil drops the line.
func (m *Machine) editLines(file string, change func([]string) []string) error {
	return m.rewrite(file, func(data []byte) []byte {
		var kept []string
		for _, line := range lines(data) {
			if fields := change(strings.Split(line, ":")); fields != nil {
				kept = append(kept, strings.Join(fields, ":"))
			}
		}
		return []byte(strings.Join(kept, "\n") + "\n")
	})
}

// rewrite changes passwd, group or shadow as shadow-utils do: one at a time (/etc/.pwd.lock), and the new file takes the place of
// the old one at once, so that who reads it finds one of the two.
func (m *Machine) rewrite(file string, change func([]byte) []byte) error {
	m.accountFiles.Lock()
	defer m.accountFiles.Unlock()
	v := m.files.as(root)
	data, err := v.readFile(file)
	if err != nil {
		return err
	}
	perm := uint32(0o644)
	if file == "/etc/shadow" {
		perm = 0o640
	}
	return v.replace(file, change(data), perm)
}

func (m *Machine) joinGroup(user, group string) error {
	if _, _, ok := m.lookupGroup(group); !ok {
		return fmt.Errorf("group '%s' does not exist", group)
	}
	return m.editLines("/etc/group", func(f []string) []string {
		if len(f) == 4 && f[0] == group && !listed(f[3], user) {
			f[3] = strings.TrimPrefix(f[3]+","+user, ",")
		}
		return f
	})
}

func useradd(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "r system U user-group N no-user-group d: home-dir: m create-home M no-create-home s: shell: g: gid: G: groups: u: uid: c: comment: p: password:")
	if err != nil || len(f.args) != 1 {
		return c.Fail(2, "%v", errors.Join(err, errors.New("Usage: useradd [options] LOGIN"))) //nolint:staticcheck // Its own words.
	}
	u := newUser{
		name: f.args[0], system: f.has("r", "system"), home: cmpOr(f.value("d", "home-dir"), "/home/"+f.args[0]), shell: cmpOr(f.value("s", "shell"), "/bin/sh"),
		gecos: f.value("c", "comment"), group: f.value("g", "gid"), makeHome: f.has("m", "create-home") && !f.has("M", "no-create-home"),
		password: cmpOr(f.value("p", "password"), "!"),
	}
	if f.has("G", "groups") {
		u.groups = strings.Split(f.value("G", "groups"), ",")
	}
	if f.has("N", "no-user-group") && u.group == "" {
		u.group = "users"
	}
	if text := f.value("u", "uid"); text != "" {
		if u.uid, err = strconv.Atoi(text); err != nil || u.uid < 1 {
			return c.Fail(3, "invalid user ID '%s'", text)
		}
	}
	switch {
	case !c.Root():
		return c.Fail(1, "Permission denied.\nuseradd: cannot lock /etc/passwd; try again later.")
	case !validName(u.name):
		return c.Fail(3, "invalid user name '%s': use --badname to ignore", u.name)
	case strings.ContainsAny(u.home+u.shell+u.gecos, ":\n") || !path.IsAbs(u.home):
		return c.Fail(3, "invalid home directory or comment")
	}
	for _, group := range append(slices.Clone(u.groups), u.group) {
		if _, _, ok := c.Machine.lookupGroup(group); group != "" && !ok {
			return c.Fail(6, "group '%s' does not exist", group)
		}
	}
	_, err = c.Machine.addUser(u)
	switch {
	case errors.Is(err, errExists):
		return c.Fail(9, "user '%s' already exists", u.name)
	case err != nil:
		return c.Fail(9, "%s", reason(err))
	}
	return 0
}

func groupadd(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "r system f force g: gid:")
	if err != nil || len(f.args) != 1 {
		return c.Fail(2, "Usage: groupadd [options] GROUP")
	}
	gid, _ := strconv.Atoi(f.value("g", "gid"))
	switch _, _, taken := c.Machine.lookupGroup(f.args[0]); {
	case !c.Root():
		return c.Fail(10, "Permission denied.\ngroupadd: cannot lock /etc/group; try again later.")
	case !validName(f.args[0]):
		return c.Fail(3, "'%s' is not a valid group name", f.args[0])
	case taken && f.has("f", "force"):
		return 0
	case taken:
		return c.Fail(9, "group '%s' already exists", f.args[0])
	}
	if _, err := c.Machine.addGroup(f.args[0], gid, f.has("r", "system")); err != nil {
		return c.Fail(10, "%s", reason(err))
	}
	return 0
}

func userdel(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "r remove f")
	if err != nil || len(f.args) != 1 {
		return c.Fail(2, "Usage: userdel [options] LOGIN")
	}
	a, ok := c.Machine.lookupUser(f.args[0])
	switch {
	case !c.Root():
		return c.Fail(1, "Permission denied.\nuserdel: cannot lock /etc/passwd; try again later.")
	case !ok:
		return c.Fail(6, "user '%s' does not exist", f.args[0])
	case c.Machine.busy(a.name):
		return c.Fail(8, "user %s is currently used by process 1", a.name)
	}
	drop := func(fields []string) []string {
		if fields[0] == a.name {
			return nil
		}
		return fields
	}
	everywhere := func(string) bool { return true }
	err = errors.Join(c.Machine.editLines("/etc/passwd", drop), c.Machine.editLines("/etc/group", drop),
		c.Machine.editLines("/etc/shadow", drop), c.files().chmod("/etc/shadow", 0o640), c.Machine.leaveGroups(a.name, everywhere))
	if err != nil {
		return c.Fail(1, "%s", reason(err))
	}
	if f.has("r", "remove") {
		if err := c.files().removeAll(a.home); err != nil {
			return c.Fail(12, "error removing directory %s", a.home)
		}
	}
	return 0
}
