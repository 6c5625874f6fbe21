package guest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

func usermod(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "a append G: groups: s: shell: d: home: L lock U unlock c: comment: p: password:")
	if err != nil || len(f.args) != 1 {
		return c.Fail(2, "Usage: usermod [options] LOGIN")
	}
	name := f.args[0]
	if _, ok := c.Machine.lookupUser(name); !ok {
		return c.Fail(6, "user '%s' does not exist", name)
	}
	if !c.Root() {
		return c.Fail(1, "Permission denied.\nusermod: cannot lock /etc/passwd; try again later.")
	}
	if f.has("G", "groups") {
		if err := c.Machine.setGroups(name, strings.FieldsFunc(f.value("G", "groups"), func(r rune) bool { return r == ',' }), f.has("a", "append")); err != nil {
			return c.Fail(6, "%s", reason(err))
		}
	}
	err = c.Machine.editLines("/etc/passwd", func(fields []string) []string {
		if len(fields) == 7 && fields[0] == name {
			fields[4], fields[5], fields[6] = cmpOr(f.value("c", "comment"), fields[4]), cmpOr(f.value("d", "home"), fields[5]), cmpOr(f.value("s", "shell"), fields[6])
		}
		return fields
	})
	if f.has("L", "lock", "U", "unlock", "p", "password") {
		err = errors.Join(err, c.Machine.editShadow(name, func(fields []string) { fields[shadowPassword] = lockPassword(f, fields[shadowPassword]) }))
	}
	if err != nil {
		return c.Fail(1, "%s", reason(err))
	}
	return 0
}

// setGroups puts a user into the groups, and takes it out of all others but where it is only to be added.
func (m *Machine) setGroups(user string, groups []string, only bool) error {
	for _, group := range groups {
		if _, _, ok := m.lookupGroup(group); !ok {
			return fmt.Errorf("group '%s' does not exist", group)
		}
	}
	if !only {
		if err := m.leaveGroups(user, func(group string) bool { return !slices.Contains(groups, group) }); err != nil {
			return err
		}
	}
	for _, group := range groups {
		if err := m.joinGroup(user, group); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) leaveGroups(user string, which func(group string) bool) error {
	return m.editLines("/etc/group", func(f []string) []string {
		if len(f) == 4 && which(f[0]) {
			f[3] = strings.Join(slices.DeleteFunc(strings.Split(f[3], ","), func(one string) bool { return one == user }), ",")
		}
		return f
	})
}

// gpasswd adds a user to a group, or takes one out.
func gpasswd(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "a: add: d: delete:")
	if err != nil || len(f.args) != 1 || f.has("a", "add") == f.has("d", "delete") {
		return c.Fail(2, "Usage: gpasswd [option] GROUP")
	}
	user, group := cmpOr(f.value("a", "add"), f.value("d", "delete")), f.args[0]
	_, gid, ok := c.Machine.lookupGroup(group)
	a, known := c.Machine.lookupUser(user)
	switch {
	case !c.Root():
		return c.Fail(1, "Permission denied.")
	case !ok:
		return c.Fail(3, "group '%s' does not exist in /etc/group", group)
	case !known && f.has("a", "add"):
		return c.Fail(3, "user '%s' does not exist", user)
	case f.has("d", "delete") && !slices.Contains(a.groups, gid):
		return c.Fail(3, "user '%s' is not a member of '%s'", user, group)
	case f.has("a", "add"):
		err = c.Machine.joinGroup(user, group)
	default:
		err = c.Machine.leaveGroups(user, func(one string) bool { return one == group })
	}
	if err != nil {
		return c.Fail(1, "%s", reason(err))
	}
	return 0
}
