package databasetest

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

func negative() map[string]func(*rig) {
	return map[string]func(*rig){
		"a foreign database is a Conflict and stays":       foreignDatabase,
		"a foreign role is a Conflict and stays":           foreignRole,
		"a database under another key is a Conflict":       otherKey,
		"a role under another key is a Conflict":           otherRoleKey,
		"a role in another's database is a Conflict":       othersDatabase,
		"a role in no database is NotFound":                noDatabase,
		"bad names are Invalid and change nothing":         badNames,
		"bad operations are Invalid and change nothing":    badOps,
		"a wrong password is Unauthorized and never shown": denied,
		"an account without the right changes nothing":     weak,
		"a server that is down is Unavailable":             down,
		"a cancelled context changes nothing":              cancelled,
		"a database that others filled is not removed":     leavesFilled,
		"removing leaves what another key made":            leavesOtherKey,
		"removing leaves what was not made by Fermata":     leavesForeign,
		"another's password is not set":                    othersPassword,
		"a role that is not there is NotFound":             noRole,
		"an owner whose name begins another's":             leavesOtherOwner,
		"another's database is not dropped":                leavesOthersDatabase,
		"a refused login proves nothing":                   provesNoLogin,
		"a server that is not reached proves nothing":      provesNoServer,
		"a role that may too much is Invalid":              provesExcess,
		"a file that leads elsewhere is a Conflict":        foreignFile,
		"what is no connection file is Invalid":            badFile,
		"no dump without a folder, or of another's":        noDump,
	}
}

func foreignDatabase(r *rig) {
	r.Make(r.T, r.db.Name, "")
	r.untouched(func() {
		r.refuses(r.driver.EnsureDatabase(r.ctx, r.op, r.db, r.p), fault.Conflict, r.db.Name, "not made by Fermata")
	})
}

func foreignRole(r *rig) {
	r.makeDatabase()
	role := r.role("app", database.ReadOnly)
	r.Make(r.T, "", role.Name)
	r.untouched(func() {
		r.refuses(r.driver.EnsureRole(r.ctx, r.step("role"), role, value(second), r.p), fault.Conflict, role.Name, "not made by Fermata")
		r.refuses(r.driver.SetPassword(r.ctx, r.step("rotate"), role.Name, value(second), r.p), fault.Conflict, role.Name)
		r.refuses(r.driver.DisableRole(r.ctx, r.step("disable"), role.Name, r.p), fault.Conflict, role.Name)
	})
}

func otherKey(r *rig) {
	r.makeDatabase()
	r.untouched(func() {
		err := r.driver.EnsureDatabase(r.ctx, r.opOf("01JRUNB", "database", "web-"+r.Suffix), r.db, r.p)
		r.refuses(err, fault.Conflict, r.db.Name, r.op.Key.String(), string(r.op.Owner))
	})
}

func otherRoleKey(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("app", database.ReadOnly)
	r.untouched(func() {
		err := r.driver.EnsureRole(r.ctx, r.opOf("01JRUNB", "role/app", "web-"+r.Suffix), role, value(second), r.p)
		r.refuses(err, fault.Conflict, role.Name, r.step("role/app").Key.String())
	})
	r.logsIn(role, first, true)
}

func othersDatabase(r *rig) {
	r.makeDatabase()
	role := r.role("app", database.ReadOnly)
	r.untouched(func() {
		r.refuses(r.driver.EnsureRole(r.ctx, r.opOf("01JRUNB", "role", "web-99"), role, value(first), r.p), fault.Conflict, r.db.Name, string(r.op.Owner))
	})
	role.Database = "theirs_" + r.Suffix
	r.Make(r.T, role.Database, "")
	r.untouched(func() {
		r.refuses(r.driver.EnsureRole(r.ctx, r.step("role"), role, value(first), r.p), fault.Conflict, role.Database, "not made by Fermata")
	})
}

func noDatabase(r *rig) {
	role := r.role("app", database.Owner)
	r.untouched(func() {
		r.refuses(r.driver.EnsureRole(r.ctx, r.step("role"), role, value(first), r.p), fault.NotFound, r.db.Name)
	})
}

func badNames(r *rig) {
	r.makeDatabase()
	r.untouched(func() {
		for _, name := range []string{
			"", "Shop", "1shop", "shop-1", "shop.x", "shop;x", "shop x", "shop\"x", "shop`x", "shop'x", "shop\\x", "shop%", "shöp", "shop\x00",
			"postgres", "mysql", "root", "sys", "fermata", "information_schema", "template1", "pg_shop", "public", strings.Repeat("x", 64),
		} {
			db := database.Database{Name: name}
			r.refuses(r.driver.EnsureDatabase(r.ctx, r.op, db, r.p), fault.Invalid)
			r.refuses(r.driver.RemoveDatabase(r.ctx, r.op, db, r.p), fault.Invalid)
			_, err := r.driver.RemoveOwned(r.ctx, r.op, []string{name}, r.p)
			r.refuses(err, fault.Invalid)
			_, err = r.driver.Dump(r.ctx, r.op, db, r.p)
			r.refuses(err, fault.Invalid)
			role := database.Role{Name: name, Database: r.db.Name, Access: database.ReadOnly}
			r.refuses(r.driver.EnsureRole(r.ctx, r.op, role, value(first), r.p), fault.Invalid)
			r.refuses(r.driver.RemoveRole(r.ctx, r.op, role, r.p), fault.Invalid)
			r.refuses(r.driver.SetPassword(r.ctx, r.op, name, value(first), r.p), fault.Invalid)
			r.refuses(r.driver.DisableRole(r.ctx, r.op, name, r.p), fault.Invalid)
			_, err = r.driver.Find(r.ctx, []string{name}, "")
			r.refuses(err, fault.Invalid)
		}
		long := r.role(strings.Repeat("x", 33-len(r.Suffix)), database.Owner)
		r.refuses(r.driver.EnsureRole(r.ctx, r.op, long, value(first), r.p), fault.Invalid)
		r.refuses(r.driver.EnsureRole(r.ctx, r.op, r.role("app", "superuser"), value(first), r.p), fault.Invalid)
		r.refuses(r.driver.EnsureRole(r.ctx, r.op, r.role("app", ""), value(first), r.p), fault.Invalid)
		r.refuses(r.driver.EnsureRole(r.ctx, r.op, r.role("app", database.Owner), value(""), r.p), fault.Invalid)
		r.refuses(r.driver.SetPassword(r.ctx, r.op, "app_"+r.Suffix, value(""), r.p), fault.Invalid)
	})
}

func badOps(r *rig) {
	role := r.role("app", database.Owner)
	r.untouched(func() {
		for _, spoil := range []func(*operation.Op){
			func(op *operation.Op) { op.Owner = "" },
			func(op *operation.Op) { op.Owner = "instance/a key=x" },
			func(op *operation.Op) { op.Owner = "instance/*" },
			func(op *operation.Op) { op.Owner = "instance/'" },
			func(op *operation.Op) { op.Key.Run = "" },
			func(op *operation.Op) { op.Key.Target = "a owner=x" },
			func(op *operation.Op) { op.Key.Target = "a\nb" },
		} {
			op := r.op
			spoil(&op)
			r.refuses(r.driver.EnsureDatabase(r.ctx, op, r.db, r.p), fault.Invalid)
			r.refuses(r.driver.RemoveDatabase(r.ctx, op, r.db, r.p), fault.Invalid)
			r.refuses(r.driver.EnsureRole(r.ctx, op, role, value(first), r.p), fault.Invalid)
			r.refuses(r.driver.SetPassword(r.ctx, op, role.Name, value(first), r.p), fault.Invalid)
			r.refuses(r.driver.DisableRole(r.ctx, op, role.Name, r.p), fault.Invalid)
			r.refuses(r.driver.RemoveRole(r.ctx, op, role, r.p), fault.Invalid)
			_, err := r.driver.RemoveOwned(r.ctx, op, nil, r.p)
			r.refuses(err, fault.Invalid)
			_, err = r.driver.Dump(r.ctx, op, r.db, r.p)
			r.refuses(err, fault.Invalid)
		}
		_, err := r.driver.Find(r.ctx, nil, "instance/*")
		r.refuses(err, fault.Invalid)
	})
}

// everything asks a driver for all that it can do, and asserts how each is refused.
func (r *rig) everything(ctx context.Context, s database.Server, kind fault.Kind) {
	r.Helper()
	role := r.role("app", database.Owner)
	_, findErr := s.Find(ctx, []string{r.db.Name}, r.op.Owner)
	_, ownedErr := s.RemoveOwned(ctx, r.op, []string{r.db.Name}, r.p)
	_, dumpErr := s.Dump(ctx, r.op, r.db, r.p)
	for what, err := range map[string]error{
		"check": s.Check(ctx), "find": findErr, "remove owned": ownedErr, "dump": dumpErr,
		"make database": s.EnsureDatabase(ctx, r.op, r.db, r.p), "remove database": s.RemoveDatabase(ctx, r.op, r.db, r.p),
		"make role": s.EnsureRole(ctx, r.step("role/app"), role, value(first), r.p), "remove role": s.RemoveRole(ctx, r.step("role/app"), role, r.p),
		"set password": s.SetPassword(ctx, r.op, role.Name, value(first), r.p), "disable": s.DisableRole(ctx, r.op, role.Name, r.p),
	} {
		require.Error(r, err, what)
		require.Equal(r, kind, fault.KindOf(err), "%s: %v", what, err)
		require.NotContains(r, err.Error(), r.Secret)
	}
}

func denied(r *rig) {
	r.makeDatabase()
	r.untouched(func() { r.everything(r.ctx, r.Denied(r.T), fault.Unauthorized) })
}

func weak(r *rig) {
	driver := r.Weak(r.T)
	role := r.role("app", database.Owner)
	r.untouched(func() {
		r.refuses(driver.Check(r.ctx), fault.Unauthorized)
		r.refuses(driver.EnsureDatabase(r.ctx, r.op, r.db, r.p), fault.Unauthorized)
	})
	r.makeDatabase()
	r.untouched(func() {
		r.refuses(driver.EnsureRole(r.ctx, r.step("role"), role, value(first), r.p), fault.Unauthorized)
		r.refuses(driver.RemoveDatabase(r.ctx, r.op, r.db, r.p), fault.Unauthorized)
	})
	r.makeRole("app", database.Owner)
	r.untouched(func() {
		r.refuses(driver.SetPassword(r.ctx, r.op, role.Name, value(second), r.p), fault.Unauthorized)
		r.refuses(driver.DisableRole(r.ctx, r.op, role.Name, r.p), fault.Unauthorized)
		r.refuses(driver.RemoveRole(r.ctx, r.step("role/app"), role, r.p), fault.Unauthorized)
		_, err := driver.RemoveOwned(r.ctx, r.op, []string{r.db.Name}, r.p)
		r.refuses(err, fault.Unauthorized)
	})
	r.logsIn(role, first, true)
}

func down(r *rig) {
	r.makeDatabase()
	r.untouched(func() {
		r.Relay.Down(true)
		r.everything(r.ctx, r.driver, fault.Unavailable)
		r.Relay.Down(false)
	})
	r.makeDatabase()
}

func cancelled(r *rig) {
	r.makeDatabase()
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	r.untouched(func() { r.everything(ctx, r.driver, fault.Unavailable) })
}

func leavesFilled(r *rig) {
	r.makeDatabase()
	r.Statement(r.T, r.db.Name, table)
	r.untouched(func() {
		r.refuses(r.driver.RemoveDatabase(r.ctx, r.op, r.db, r.p), fault.Conflict, r.db.Name, "goods")
	})
}

func leavesOtherKey(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("app", database.Owner)
	r.untouched(func() {
		require.NoError(r, r.driver.RemoveDatabase(r.ctx, r.opOf("01JRUNB", "database", "web-"+r.Suffix), r.db, r.p))
		require.NoError(r, r.driver.RemoveRole(r.ctx, r.opOf("01JRUNB", "role/app", "web-"+r.Suffix), role, r.p))
	})
	r.logsIn(role, first, true)
}

func leavesForeign(r *rig) {
	role := r.role("app", database.Owner)
	r.Make(r.T, r.db.Name, role.Name)
	r.untouched(func() {
		require.NoError(r, r.driver.RemoveDatabase(r.ctx, r.op, r.db, r.p))
		require.NoError(r, r.driver.RemoveRole(r.ctx, r.step("role"), role, r.p))
		removed, err := r.driver.RemoveOwned(r.ctx, r.op, nil, r.p)
		require.NoError(r, err)
		require.Equal(r, database.Found{}, removed)
	})
}

func othersPassword(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("app", database.ReadOnly)
	op := r.opOf("01JRUNB", "rotate", "web-99")
	r.untouched(func() {
		r.refuses(r.driver.SetPassword(r.ctx, op, role.Name, value(second), r.p), fault.Conflict, role.Name, string(r.op.Owner))
		r.refuses(r.driver.DisableRole(r.ctx, op, role.Name, r.p), fault.Conflict, role.Name, string(r.op.Owner))
	})
	r.logsIn(role, first, true)
}

func noRole(r *rig) {
	r.refuses(r.driver.SetPassword(r.ctx, r.op, "none_"+r.Suffix, value(first), r.p), fault.NotFound, "none_"+r.Suffix)
	r.refuses(r.driver.DisableRole(r.ctx, r.op, "none_"+r.Suffix, r.p), fault.NotFound, "none_"+r.Suffix)
}

func leavesOtherOwner(r *rig) {
	r.makeDatabase()
	r.makeRole("app", database.Owner)
	r.untouched(func() {
		for _, name := range []string{"web-" + r.Suffix[:len(r.Suffix)-1], "web-" + r.Suffix + "1"} {
			removed, err := r.driver.RemoveOwned(r.ctx, r.opOf("01JRUNB", "decommission", name), nil, r.p)
			require.NoError(r, err)
			require.Equal(r, database.Found{}, removed)
		}
	})
}

func leavesOthersDatabase(r *rig) {
	r.makeDatabase()
	r.Make(r.T, "theirs_"+r.Suffix, "")
	r.untouched(func() {
		_, err := r.driver.RemoveOwned(r.ctx, r.opOf("01JRUNB", "decommission", "web-99"), []string{r.db.Name}, r.p)
		r.refuses(err, fault.Conflict, r.db.Name, string(r.op.Owner))
		_, err = r.driver.RemoveOwned(r.ctx, r.op, []string{"theirs_" + r.Suffix}, r.p)
		r.refuses(err, fault.Conflict, "theirs_"+r.Suffix)
	})
}
