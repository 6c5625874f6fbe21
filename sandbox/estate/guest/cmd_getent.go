package guest

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

func getent(_ context.Context, c Call) int {
	if len(c.Args) < 2 {
		return c.Fail(1, "wrong number of arguments")
	}
	file, ok := map[string]string{"passwd": "/etc/passwd", "group": "/etc/group", "shadow": "/etc/shadow"}[c.Args[1]]
	if c.Args[1] == "hosts" && len(c.Args) == 3 {
		addr, err := c.Machine.resolve(c.Args[2])
		if err != nil {
			return 2
		}
		c.Print("%-15s %s\n", addr, c.Args[2])
		return 0
	}
	if !ok {
		return c.Fail(1, "Unknown database: %s", c.Args[1])
	}
	code := 0
	records := c.Machine.records(file, 4)
	if c.Args[1] == "shadow" && !c.Root() { // Nobody else may read it.
		records = nil
	}
	if len(c.Args) == 2 {
		for _, fields := range records {
			c.Print("%s\n", strings.Join(fields, ":"))
		}
	}
	for _, key := range c.Args[2:] {
		i := slices.IndexFunc(records, func(fields []string) bool { return fields[0] == key || fields[2] == key })
		if i < 0 {
			code = 2
			continue
		}
		c.Print("%s\n", strings.Join(records[i], ":"))
	}
	return code
}

func id(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "u user g group G groups n name")
	if err != nil {
		return c.usage(1, err)
	}
	a := c.Machine.account(c.User)
	if len(f.args) > 0 {
		var ok bool
		if a, ok = c.Machine.lookupUser(f.args[0]); !ok {
			return c.Fail(1, "‘%s’: no such user", f.args[0])
		}
	}
	gids := append([]int{a.gid}, a.groups...)
	var named, both []string
	for _, gid := range slices.Compact(gids) {
		named = append(named, c.Machine.groupName(gid))
		both = append(both, fmt.Sprintf("%d(%s)", gid, c.Machine.groupName(gid)))
	}
	switch byName := f.has("n", "name"); {
	case f.has("u", "user") && byName:
		c.Print("%s\n", a.name)
	case f.has("u", "user"):
		c.Print("%d\n", a.uid)
	case f.has("g", "group") && byName:
		c.Print("%s\n", named[0])
	case f.has("g", "group"):
		c.Print("%d\n", a.gid)
	case f.has("G", "groups"):
		c.Print("%s\n", strings.Join(named, " "))
	default:
		c.Print("uid=%d(%s) gid=%d(%s) groups=%s\n", a.uid, a.name, a.gid, named[0], strings.Join(both, ","))
	}
	return 0
}

func whoami(ctx context.Context, c Call) int {
	if path.Base(c.Args[0]) == "groups" {
		c.Args = append([]string{"id", "-Gn"}, c.Args[1:]...)
		return id(ctx, c)
	}
	c.Print("%s\n", c.User)
	return 0
}
