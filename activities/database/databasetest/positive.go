package databasetest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
)

const aDump = "a dump is written once"

func positive() map[string]func(*rig) {
	return map[string]func(*rig){
		"the check is passed":                               checked,
		"a database is made, marked, and closed to others":  makesDatabase,
		"a repeated attempt adopts the database":            adoptsDatabase,
		"a reader reads and does nothing else":              makesReader,
		"a writer changes rows and makes no tables":         makesWriter,
		"an owner makes tables and no databases":            makesOwner,
		"tables that are made later are readable":           laterTables,
		"two owners work on each other's tables":            twoOwners,
		"a repeated attempt adopts the role":                adoptsRole,
		"a role gets what its access says and no more":      regrants,
		"lost answers while a database is made and removed": losesDatabase,
		"lost answers while a role is made and removed":     losesRole,
		"lost answers while a password is set":              losesPassword,
		"lost answers while all of an owner is removed":     losesOwned,
		"another password replaces the first":               setsPassword,
		"a disabled role is out at once":                    disables,
		"a removed role leaves its tables":                  removesRole,
		"a removed database is gone, once and again":        removesDatabase,
		"all of an owner is removed, what is kept stays":    removesOwned,
		"found by name and by owner":                        finds,
		"proven as a client, each access":                   proves,
		"a connection file is read as it was written":       rendersFile,
		aDump:                                 dumps,
		"the longest names are taken":         longest,
		"two runs at once: one gets the name": race,
	}
}

func checked(r *rig) {
	r.untouched(func() { require.NoError(r, r.driver.Check(r.ctx)) })
	e := r.driver.ClientEndpoint()
	require.Contains(r, []string{"postgresql", "mysql"}, e.Engine)
	require.NotEmpty(r, e.Host)
	require.NotZero(r, e.Port)
}

func makesDatabase(r *rig) {
	r.makeDatabase()
	require.Contains(r, r.Dump(r.T), r.op.Key.String())
	require.Contains(r, r.Dump(r.T), string(r.op.Owner))
	r.Make(r.T, "", "else_"+r.Suffix)
	r.logsIn(database.Role{Name: "else_" + r.Suffix, Database: r.db.Name}, first, false)
	other := database.Database{Name: "other_" + r.Suffix}
	require.NoError(r, r.driver.EnsureDatabase(r.ctx, r.step("database/other"), other, r.p))
	role := database.Role{Name: "neighbour_" + r.Suffix, Database: other.Name, Access: database.Owner}
	require.NoError(r, r.driver.EnsureRole(r.ctx, r.step("role/neighbour"), role, value(first), r.p))
	r.logsIn(role, first, true)
	role.Database = r.db.Name
	r.logsIn(role, first, false)
}

func adoptsDatabase(r *rig) {
	r.makeDatabase()
	r.untouched(func() {
		r.makeDatabase()
		require.NoError(r, r.Driver(r.T).EnsureDatabase(r.ctx, r.op, r.db, r.p))
	})
}

const table = "CREATE TABLE goods (id int PRIMARY KEY)"

func makesReader(r *rig) {
	r.makeDatabase()
	_, owner := r.makeRole("owner", database.Owner)
	r.may(owner, table, "INSERT INTO goods VALUES (1)")
	_, reader := r.makeRole("reader", database.ReadOnly)
	r.may(reader, "SELECT id FROM goods")
	r.mayNot(reader, "INSERT INTO goods VALUES (2)", "UPDATE goods SET id = 3", "DELETE FROM goods", "DROP TABLE goods", "CREATE TABLE more (id int)")
}

func makesWriter(r *rig) {
	r.makeDatabase()
	_, owner := r.makeRole("owner", database.Owner)
	r.may(owner, table)
	_, writer := r.makeRole("writer", database.ReadWrite)
	r.may(writer, "INSERT INTO goods VALUES (2)", "UPDATE goods SET id = 3", "SELECT id FROM goods", "DELETE FROM goods")
	r.mayNot(writer, "DROP TABLE goods", "CREATE TABLE more (id int)", "ALTER TABLE goods ADD COLUMN name int")
}

func makesOwner(r *rig) {
	r.makeDatabase()
	role, owner := r.makeRole("owner", database.Owner)
	r.may(owner, table, "ALTER TABLE goods ADD COLUMN name int", "INSERT INTO goods VALUES (1, 2)", "DROP TABLE goods")
	r.mayNot(owner, "CREATE DATABASE more_"+r.Suffix, "DROP USER "+role.Name)
	require.Contains(r, r.Dump(r.T), r.step("role/owner").Key.String())
}

func laterTables(r *rig) {
	r.makeDatabase()
	_, reader := r.makeRole("reader", database.ReadOnly)
	_, writer := r.makeRole("writer", database.ReadWrite)
	_, owner := r.makeRole("owner", database.Owner)
	r.may(owner, table)
	r.may(writer, "INSERT INTO goods VALUES (1)")
	r.may(reader, "SELECT id FROM goods")
	r.mayNot(reader, "DELETE FROM goods")
}

func twoOwners(r *rig) {
	r.makeDatabase()
	_, blue := r.makeRole("blue", database.Owner)
	_, green := r.makeRole("green", database.Owner)
	r.may(blue, table)
	r.may(green, "INSERT INTO goods VALUES (1)", "ALTER TABLE goods ADD COLUMN name int")
	r.may(blue, "SELECT name FROM goods")
	r.may(green, "DROP TABLE goods")
}

func adoptsRole(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("owner", database.Owner)
	r.untouched(func() {
		require.NoError(r, r.Driver(r.T).EnsureRole(r.ctx, r.step("role/owner"), role, value(second), r.p))
	})
	r.logsIn(role, second, true)
	r.logsIn(role, first, false)
}

func regrants(r *rig) {
	r.makeDatabase()
	_, owner := r.makeRole("owner", database.Owner)
	r.may(owner, table)
	role, writer := r.makeRole("writer", database.ReadWrite)
	r.may(writer, "INSERT INTO goods VALUES (1)")
	role.Access = database.ReadOnly
	require.NoError(r, r.driver.EnsureRole(r.ctx, r.step("role/writer"), role, value(second), r.p))
	r.mayNot(r.Connect(r.T, role.Name, second, role.Database), "INSERT INTO goods VALUES (2)")
}

func setsPassword(r *rig) {
	r.makeDatabase()
	role, open := r.makeRole("app", database.ReadWrite)
	r.may(open, "SELECT 1")
	r.untouched(func() {
		require.NoError(r, r.driver.SetPassword(r.ctx, r.opOf("01JRUNB", "rotate", "web-"+r.Suffix), role.Name, value(second), r.p))
	})
	r.logsIn(role, second, true)
	r.logsIn(role, first, false)
}

func disables(r *rig) {
	r.makeDatabase()
	role, open := r.makeRole("app", database.ReadWrite)
	session, err := open.Conn(r.ctx)
	require.NoError(r, err)
	defer func() { _ = session.Close() }()
	_, err = session.ExecContext(r.ctx, "SELECT 1")
	require.NoError(r, err)
	require.NoError(r, r.driver.DisableRole(r.ctx, r.step("disable"), role.Name, r.p))
	_, err = session.ExecContext(r.ctx, "SELECT 1")
	require.Error(r, err, "its session has ended")
	r.logsIn(role, first, false)
	r.untouched(func() { require.NoError(r, r.driver.DisableRole(r.ctx, r.step("disable"), role.Name, r.p)) })
	require.NoError(r, r.driver.SetPassword(r.ctx, r.step("enable"), role.Name, value(second), r.p))
	r.logsIn(role, second, true)
}

func removesRole(r *rig) {
	r.makeDatabase()
	before := r.Dump(r.T)
	role, blue := r.makeRole("blue", database.Owner)
	r.may(blue, table, "INSERT INTO goods VALUES (1)")
	require.NoError(r, r.driver.RemoveRole(r.ctx, r.step("role/blue"), role, r.p))
	require.NoError(r, r.driver.RemoveRole(r.ctx, r.step("role/blue"), role, r.p), "none is no error")
	r.logsIn(role, first, false)
	_, green := r.makeRole("green", database.Owner)
	r.may(green, "SELECT id FROM goods", "DROP TABLE goods")
	require.NoError(r, r.driver.RemoveRole(r.ctx, r.step("role/green"), r.role("green", database.Owner), r.p))
	require.Equal(r, before, r.Dump(r.T))
}

func removesDatabase(r *rig) {
	r.makeDatabase()
	require.NoError(r, r.driver.RemoveDatabase(r.ctx, r.op, r.db, r.p))
	require.Empty(r, r.Dump(r.T))
	require.NoError(r, r.driver.RemoveDatabase(r.ctx, r.op, r.db, r.p))
	require.NoError(r, r.driver.EnsureDatabase(r.ctx, r.opOf("01JRUNB", "database", "web-"+r.Suffix), r.db, r.p), "the name is free")
}

func removesOwned(r *rig) {
	r.makeDatabase()
	kept := database.Database{Name: "kept_" + r.Suffix}
	require.NoError(r, r.driver.EnsureDatabase(r.ctx, r.step("database/kept"), kept, r.p))
	role, app := r.makeRole("app", database.Owner)
	r.may(app, table)
	second := database.Role{Name: "reader_" + r.Suffix, Database: kept.Name, Access: database.ReadOnly}
	require.NoError(r, r.driver.EnsureRole(r.ctx, r.step("role/reader"), second, value(first), r.p))
	later := r.opOf("01JRUNC", "decommission", "web-"+r.Suffix)
	removed, err := r.driver.RemoveOwned(r.ctx, later, []string{r.db.Name}, r.p)
	require.NoError(r, err)
	require.Equal(r, []database.Held{{Name: r.db.Name, Key: r.op.Key.String(), Owner: r.op.Owner}}, removed.Databases)
	require.ElementsMatch(r, []database.Held{
		{Name: role.Name, Key: r.step("role/app").Key.String(), Owner: r.op.Owner}, {Name: second.Name, Key: r.step("role/reader").Key.String(), Owner: r.op.Owner},
	}, removed.Roles)
	found, err := r.driver.Find(r.ctx, []string{r.db.Name, role.Name}, r.op.Owner)
	require.NoError(r, err)
	require.Equal(r, database.Found{Databases: []database.Held{{Name: kept.Name, Key: r.step("database/kept").Key.String(), Owner: r.op.Owner}}}, found)
	removed, err = r.driver.RemoveOwned(r.ctx, later, []string{r.db.Name, kept.Name}, r.p)
	require.NoError(r, err, "what is gone already is no error")
	require.Len(r, removed.Databases, 1)
	require.Empty(r, r.Dump(r.T))
}

func finds(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("app", database.Owner)
	r.Make(r.T, "theirs_"+r.Suffix, "them_"+r.Suffix)
	near := r.opOf("01JRUNB", "database", "web-"+r.Suffix+"1")
	require.NoError(r, r.driver.EnsureDatabase(r.ctx, near, database.Database{Name: "near_" + r.Suffix}, r.p))
	mine := database.Found{
		Databases: []database.Held{{Name: r.db.Name, Key: r.op.Key.String(), Owner: r.op.Owner}},
		Roles:     []database.Held{{Name: role.Name, Key: r.step("role/app").Key.String(), Owner: r.op.Owner}},
	}
	found, err := r.driver.Find(r.ctx, nil, r.op.Owner)
	require.NoError(r, err)
	require.Equal(r, mine, found)
	found, err = r.driver.Find(r.ctx, []string{"theirs_" + r.Suffix, "them_" + r.Suffix, "none_" + r.Suffix}, "")
	require.NoError(r, err)
	require.Equal(r, database.Found{
		Databases: []database.Held{{Name: "theirs_" + r.Suffix}}, Roles: []database.Held{{Name: "them_" + r.Suffix}},
	}, found)
	found, err = r.driver.Find(r.ctx, nil, "")
	require.NoError(r, err)
	require.Equal(r, database.Found{}, found)
}

func longest(r *rig) {
	fill := func(n int) string { return strings.Repeat("x", n-len(r.Suffix)-1) + "_" + r.Suffix }
	r.db.Name = fill(63)
	r.makeDatabase()
	role := database.Role{Name: fill(32), Database: r.db.Name, Access: database.Owner}
	require.NoError(r, r.driver.EnsureRole(r.ctx, r.step("role"), role, value(first), r.p))
	r.may(r.Connect(r.T, role.Name, first, role.Database), table)
	_, err := r.driver.RemoveOwned(r.ctx, r.step("decommission"), []string{r.db.Name}, r.p)
	require.NoError(r, err)
	require.Empty(r, r.Dump(r.T))
}
