package postgresql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// ownersSuffix ends the names of the roles that tables belong to. No role that somebody asks for has a dot in its name.
const ownersSuffix = ".owner"

// longestName is what PostgreSQL keeps of a name (NAMEDATALEN).
const longestName = 63

// owners is the role that a database's tables belong to.
func owners(db string) string {
	if len(db)+len(ownersSuffix) <= longestName {
		return db + ownersSuffix
	}
	sum := sha256.Sum256([]byte(db))
	return db[:40] + "." + hex.EncodeToString(sum[:8]) + ownersSuffix
}

// catalog is what the server has, by name.
type catalog struct {
	databases map[string]entry
	roles     map[string]database.Mark
}

type entry struct {
	mark database.Mark
	mine bool // It belongs to the driver's account.
}

// catalog reads the names of all databases and roles, and what their comments say.
func (s *session) catalog(ctx context.Context) (catalog, error) {
	const doing = "looking for databases and roles"
	c := catalog{databases: map[string]entry{}, roles: map[string]database.Mark{}}
	rows, err := s.conn.Query(ctx, `SELECT datname, coalesce(shobj_description(oid, 'pg_database'), ''), pg_get_userbyid(datdba) = current_user FROM pg_database`)
	if err == nil {
		var at, comment string
		var mine bool
		_, err = pgx.ForEachRow(rows, []any{&at, &comment, &mine}, func() error {
			c.databases[at] = entry{mark: database.ParseMark(comment), mine: mine}
			return nil
		})
	}
	if err != nil {
		return catalog{}, statementFault(err, fault.Unavailable, doing)
	}
	rows, err = s.conn.Query(ctx, `SELECT rolname, coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles`)
	if err == nil {
		var at, comment string
		_, err = pgx.ForEachRow(rows, []any{&at, &comment}, func() error {
			c.roles[at] = database.ParseMark(comment)
			return nil
		})
	}
	return c, statementFault(err, fault.Unavailable, doing)
}

// database is whose a database is. An attempt that ended before it could write the comment is known by the role that it made
// first.
func (c catalog) database(at string) (mark database.Mark, exists bool) {
	e, exists := c.databases[at]
	if exists && !e.mark.Made() && e.mine {
		return c.roles[owners(at)], true
	}
	return e.mark, exists
}

func held(at string, m database.Mark) database.Held {
	return database.Held{Name: at, Key: m.Key, Owner: m.Owner}
}

// Check proves that the account may make roles and databases.
func (d *Driver) Check(ctx context.Context) error {
	return d.session(ctx, d.config.Database, func(s *session) error {
		const doing = "asking what the account may do"
		var may bool
		var version int
		err := s.conn.QueryRow(ctx, `SELECT rolsuper OR (rolcreaterole AND rolcreatedb), current_setting('server_version_num')::int
			FROM pg_roles WHERE rolname = current_user`).Scan(&may, &version)
		switch {
		case err != nil:
			return statementFault(err, fault.Unavailable, doing)
		case !may:
			return fault.New(fault.Unauthorized, "%s may not make roles and databases: ALTER ROLE it CREATEROLE CREATEDB", d.config.User)
		case version < 150000:
			return fault.New(fault.Invalid, "expected PostgreSQL 15 or newer, found %d", version/10000)
		}
		return nil
	})
}

// Find returns databases and roles by name and owner. The roles that tables belong to are part of their databases.
func (d *Driver) Find(ctx context.Context, names []string, owner operation.Owner) (database.Found, error) {
	for _, asked := range names {
		if err := database.CheckDatabase(asked); err != nil {
			return database.Found{}, err
		}
	}
	if owner != "" {
		if err := database.CheckOwner(owner); err != nil {
			return database.Found{}, err
		}
	}
	var found database.Found
	err := d.session(ctx, d.config.Database, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		wanted := func(at string, m database.Mark) bool {
			return slices.Contains(names, at) || owner != "" && m.Owner == owner
		}
		for _, at := range slices.Sorted(maps.Keys(c.databases)) {
			if mark, _ := c.database(at); wanted(at, mark) {
				found.Databases = append(found.Databases, held(at, mark))
			}
		}
		for _, at := range slices.Sorted(maps.Keys(c.roles)) {
			if !strings.Contains(at, ".") && wanted(at, c.roles[at]) {
				found.Roles = append(found.Roles, held(at, c.roles[at]))
			}
		}
		return nil
	})
	return found, err
}
