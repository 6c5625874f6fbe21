package mariadb

import (
	"context"
	"maps"
	"slices"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// kind is what a row of fermata.objects is about.
type kind string

const (
	aDatabase kind = "database"
	aRole     kind = "role"
)

// catalog is what the server has and what is written about it.
type catalog struct {
	databases, roles map[string]bool
	marks            map[kind]map[string]database.Mark
}

const (
	makeSchema = "CREATE DATABASE IF NOT EXISTS fermata"
	makeTable  = `CREATE TABLE IF NOT EXISTS fermata.objects (
	kind VARCHAR(8) NOT NULL, name VARCHAR(64) NOT NULL, run_key VARCHAR(255) NOT NULL, owner VARCHAR(255) NOT NULL, PRIMARY KEY (kind, name)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`
)

// catalog reads the marks first: what was made meanwhile then looks foreign, and not the other way round.
func (s *session) catalog(ctx context.Context) (catalog, error) {
	const doing = "looking for databases and roles"
	c := catalog{databases: map[string]bool{}, roles: map[string]bool{}, marks: map[kind]map[string]database.Mark{aDatabase: {}, aRole: {}}}
	marks, err := s.rows(ctx, doing, 4, "SELECT kind, name, run_key, owner FROM fermata.objects")
	if err != nil && !numbered(err, noDatabase, noTable) { // Nothing was ever made.
		return catalog{}, err
	}
	for _, m := range marks {
		if of := c.marks[kind(m[0])]; of != nil {
			of[m[1]] = database.Mark{Key: m[2], Owner: operation.Owner(m[3])}
		}
	}
	databases, err := s.rows(ctx, doing, 1, "SELECT schema_name FROM information_schema.schemata")
	if err != nil {
		return catalog{}, err
	}
	for _, row := range databases {
		c.databases[row[0]] = true
	}
	roles, err := s.rows(ctx, doing, 1, "SELECT User FROM mysql.user") // Wherever they may connect from.
	for _, row := range roles {
		c.roles[row[0]] = true
	}
	return c, err
}

// claim writes the mark of what is about to be made, unless it is there. It reports whether the object, which was not there,
// may have been made since by an earlier attempt. Conflict: it, or its name, is another's.
func (s *session) claim(ctx context.Context, c catalog, k kind, at string, mine database.Mark) (before bool, err error) {
	what := string(k) + " " + at
	there, marked := c.marks[k][at]
	exists := k == aDatabase && c.databases[at] || k == aRole && c.roles[at]
	if marked || exists {
		return true, mine.Against(there, what)
	}
	if err := s.all(ctx, "making the table of marks", makeSchema, makeTable); err != nil {
		return false, err
	}
	err = s.change(ctx, "marking "+what, "INSERT INTO fermata.objects (kind, name, run_key, owner) VALUES (?, ?, ?, ?)", string(k), at, mine.Key, string(mine.Owner))
	if numbered(err, duplicateKey) { // By a run at the same time. The next attempt sees whose it is.
		return false, fault.Wrap(fault.Unavailable, err, "marking "+what)
	}
	return false, err
}

// unmark removes a mark, after its object.
func (s *session) unmark(ctx context.Context, k kind, at string, mark database.Mark) error {
	return s.change(ctx, "removing the mark of "+string(k)+" "+at, "DELETE FROM fermata.objects WHERE kind = ? AND name = ? AND run_key = ?", string(k), at, mark.Key)
}

func held(at string, m database.Mark) database.Held {
	return database.Held{Name: at, Key: m.Key, Owner: m.Owner}
}

// Check proves that the account may read what it has to, and make accounts and databases.
func (d *Driver) Check(ctx context.Context) error {
	return d.session(ctx, func(s *session) error {
		if _, err := s.catalog(ctx); err != nil {
			return err
		}
		rights, err := s.rows(ctx, "asking what the account may do", 1,
			`SELECT DISTINCT privilege_type FROM information_schema.user_privileges WHERE REPLACE(grantee, '''', '') = CURRENT_USER()`)
		if err != nil {
			return err
		}
		for _, needed := range []string{"CREATE USER", "PROCESS"} {
			if !slices.ContainsFunc(rights, func(row []string) bool { return row[0] == needed || row[0] == "SUPER" }) {
				return fault.New(fault.Unauthorized, "%s has not the right %s: GRANT it ON *.*", d.config.User, needed)
			}
		}
		return nil
	})
}

// Find returns databases and roles by name and owner.
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
	err := d.session(ctx, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		pick := func(there map[string]bool, marks map[string]database.Mark) (all []database.Held) {
			for _, at := range slices.Sorted(maps.Keys(there)) {
				if m := marks[at]; slices.Contains(names, at) || owner != "" && m.Owner == owner {
					all = append(all, held(at, m))
				}
			}
			return all
		}
		found = database.Found{Databases: pick(c.databases, c.marks[aDatabase]), Roles: pick(c.roles, c.marks[aRole])}
		return nil
	})
	return found, err
}
