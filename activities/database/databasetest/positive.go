package databasetest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
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

func losesDatabase(r *rig) {
	r.lossProof(func() {}, func(s database.Server) error { return s.EnsureDatabase(r.ctx, r.op, r.db, r.p) }, func() {
		r.untouched(r.makeDatabase)
		require.NoError(r, r.driver.RemoveDatabase(r.ctx, r.op, r.db, r.p))
		require.Empty(r, r.Dump(r.T))
	})
	r.lossProof(r.makeDatabase, func(s database.Server) error { return s.RemoveDatabase(r.ctx, r.op, r.db, r.p) }, func() {
		require.Empty(r, r.Dump(r.T))
	})
}

func losesRole(r *rig) {
	r.makeDatabase()
	before := r.Dump(r.T)
	role, op := r.role("app", database.Owner), r.step("role/app")
	r.lossProof(func() {}, func(s database.Server) error { return s.EnsureRole(r.ctx, op, role, value(first), r.p) }, func() {
		r.logsIn(role, first, true)
		require.NoError(r, r.driver.RemoveRole(r.ctx, op, role, r.p))
		require.Equal(r, before, r.Dump(r.T))
	})
	r.lossProof(func() { r.makeRole("app", database.Owner) }, func(s database.Server) error { return s.RemoveRole(r.ctx, op, role, r.p) }, func() {
		require.Equal(r, before, r.Dump(r.T))
	})
}

func losesPassword(r *rig) {
	r.makeDatabase()
	role, _ := r.makeRole("app", database.Owner)
	r.lossProof(func() {
		require.NoError(r, r.driver.SetPassword(r.ctx, r.step("rotate/1"), role.Name, value(first), r.p))
	},
		func(s database.Server) error {
			return s.SetPassword(r.ctx, r.step("rotate/2"), role.Name, value(second), r.p)
		},
		func() { r.logsIn(role, second, true); r.logsIn(role, first, false) })
}

func losesOwned(r *rig) {
	r.lossProof(func() { r.makeDatabase(); r.makeRole("app", database.Owner) }, func(s database.Server) error {
		_, err := s.RemoveOwned(r.ctx, r.step("decommission"), []string{r.db.Name}, r.p)
		return err
	}, func() { require.Empty(r, r.Dump(r.T)) })
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

func proves(r *rig) {
	r.makeDatabase()
	for _, with := range []string{"no tables", "tables"} {
		for _, access := range []database.Access{database.ReadOnly, database.ReadWrite, database.Owner} {
			role, db := r.makeRole(string(access), access)
			r.untouched(func() {
				lines, err := r.prove(role, first)
				require.NoError(r, err, "%s with %s", access, with)
				require.GreaterOrEqual(r, len(lines), 3, "%q", lines)
				require.Contains(r, strings.Join(lines, "\n"), role.Name)
				require.Contains(r, strings.Join(lines, "\n"), "refused")
			})
			if access == database.Owner && with == "no tables" {
				r.may(db, table)
			}
		}
	}
}

func rendersFile(r *rig) {
	ca := ""
	if r.driver.ClientEndpoint().CA != "" {
		ca = "/srv/app/db.conf.ca.pem"
	}
	c := database.Credentials{Role: "app_" + r.Suffix, Database: r.db.Name, Password: value(first)}
	content, err := r.driver.Render(c, ca)
	require.NoError(r, err)
	require.Contains(r, content.Text(), first)
	require.Contains(r, content.Text(), fmt.Sprint(r.driver.ClientEndpoint().Port))
	read, err := r.Driver(r.T).Parse(content, ca)
	require.NoError(r, err)
	require.Equal(r, c.Role+c.Database+first, read.Role+read.Database+read.Password.Text())
	require.NotContains(r, fmt.Sprintf("%v %+v", read, content), first)
}

func dumps(r *rig) {
	r.makeDatabase()
	_, owner := r.makeRole("owner", database.Owner)
	r.may(owner, table, "INSERT INTO goods VALUES (4711)")
	op := r.step("archive")
	archive, err := r.driver.Dump(r.ctx, op, r.db, r.p)
	require.NoError(r, err)
	content, err := os.ReadFile(archive.Path)
	require.NoError(r, err)
	sum := sha256.Sum256(content)
	require.Equal(r, database.Archive{Path: archive.Path, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, archive)
	require.Contains(r, string(content), "goods")
	require.NotContains(r, string(content), first)
	info, err := os.Stat(archive.Path)
	require.NoError(r, err)
	require.Equal(r, os.FileMode(0o600), info.Mode())
	r.may(owner, "INSERT INTO goods VALUES (4712)")
	again, err := r.driver.Dump(r.ctx, op, r.db, r.p)
	require.NoError(r, err)
	require.Equal(r, archive, again, "what op wrote is kept")
	other, err := r.driver.Dump(r.ctx, r.step("archive/2"), r.db, r.p)
	require.NoError(r, err)
	require.NotEqual(r, archive, other)
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

// race lets many runs ask for one name at once. Exactly one gets it.
func race(r *rig) {
	const many = 6
	errs := make([]error, many)
	ops := make([]operation.Op, many)
	var group sync.WaitGroup
	for i := range many {
		driver := r.Driver(r.T)
		ops[i] = r.opOf(fmt.Sprintf("01JRUN%d", i), "database", "web-"+r.Suffix)
		group.Go(func() {
			for range 100 { // A server under load may ask to come again.
				errs[i] = driver.EnsureDatabase(r.ctx, ops[i], r.db, &operation.Memory{})
				if errs[i] == nil || !fault.KindOf(errs[i]).Retryable() {
					return
				}
			}
		})
	}
	group.Wait()
	found, err := r.driver.Find(r.ctx, []string{r.db.Name}, "")
	require.NoError(r, err)
	require.Len(r, found.Databases, 1)
	for i, err := range errs {
		if ops[i].Key.String() == found.Databases[0].Key {
			require.NoError(r, err)
		} else {
			r.refuses(err, fault.Conflict, r.db.Name)
		}
	}
}
