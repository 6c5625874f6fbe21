package postgresql

import (
	"context"
	"maps"
	"slices"
	"strings"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// RemoveRole removes the role that carries op's key. What it owns goes to the role that the database's tables belong to.
func (d *Driver) RemoveRole(ctx context.Context, op operation.Op, r database.Role, p operation.Progress) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	return d.session(ctx, d.config.Database, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil || c.roles[r.Name] != database.MarkOf(op) {
			return err
		}
		p.Say("removing role " + r.Name)
		return d.removeRole(ctx, s, c, r.Name)
	})
}

// databasesOf are those in which something belongs to a role or was granted to it ("pg_shdepend").
const databasesOf = `SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
	WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1) ORDER BY 1`

// removeRole ends a role's sessions and clears every database of it before it is dropped.
func (d *Driver) removeRole(ctx context.Context, s *session, c catalog, role string) error {
	doing := "removing role " + role
	if err := s.shut(ctx, role); err != nil {
		return err
	}
	in, err := s.column(ctx, doing, databasesOf, role)
	if err != nil {
		return err
	}
	for _, db := range in {
		if mark, _ := c.database(db); !mark.Made() {
			return fault.New(fault.Conflict, "%s: it has something in database %s, which was not made by Fermata", doing, db)
		}
		err := d.session(ctx, db, func(s *session) error { return s.together(ctx, doing, takeAll(role, db)...) })
		if err != nil {
			return err
		}
	}
	return s.together(ctx, doing, "DROP OWNED BY "+name(role), "DROP ROLE "+name(role))
}

// RemoveOwned removes all roles of the owner, then the databases that are named. Those that are kept keep the role that their
// tables belong to.
func (d *Driver) RemoveOwned(ctx context.Context, op operation.Op, drop []string, p operation.Progress) (database.Found, error) {
	if err := database.CheckOp(op); err != nil {
		return database.Found{}, err
	}
	for _, db := range drop {
		if err := database.CheckDatabase(db); err != nil {
			return database.Found{}, err
		}
	}
	var removed database.Found
	err := d.session(ctx, d.config.Database, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		for _, db := range drop {
			if mark, exists := c.database(db); exists {
				if err := mark.OwnedBy(op.Owner, "database "+db); err != nil {
					return err
				}
			}
		}
		return d.removeOwned(ctx, s, c, op.Owner, drop, p, &removed)
	})
	return removed, err
}

func (d *Driver) removeOwned(ctx context.Context, s *session, c catalog, owner operation.Owner, drop []string, p operation.Progress, removed *database.Found) error {
	for _, role := range slices.Sorted(maps.Keys(c.roles)) {
		if c.roles[role].Owner != owner || strings.Contains(role, ".") {
			continue
		}
		p.Say("removing role " + role)
		if err := d.removeRole(ctx, s, c, role); err != nil {
			return err
		}
		removed.Roles = append(removed.Roles, held(role, c.roles[role]))
	}
	for _, db := range drop {
		p.Say("dropping database " + db)
		if err := s.drop(ctx, c, db, func(m database.Mark) bool { return m.Owner == owner }); err != nil {
			return err
		}
		if mark, exists := c.database(db); exists {
			removed.Databases = append(removed.Databases, held(db, mark))
		}
	}
	return nil
}
