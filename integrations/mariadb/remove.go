package mariadb

import (
	"context"
	"maps"
	"slices"

	"fermata/activities/database"
	"fermata/activities/operation"
)

// RemoveRole removes the role that carries op's key. Tables belong to nobody here.
func (d *Driver) RemoveRole(ctx context.Context, op operation.Op, r database.Role, p operation.Progress) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	return d.session(ctx, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil || c.marks[aRole][r.Name] != database.MarkOf(op) {
			return err
		}
		p.Say("removing role " + r.Name)
		return s.removeRole(ctx, c, r.Name)
	})
}

// removeRole ends a role's sessions first: an account that is dropped keeps those.
func (s *session) removeRole(ctx context.Context, c catalog, role string) error {
	if c.roles[role] {
		if err := s.shut(ctx, role); err != nil {
			return err
		}
		if err := s.change(ctx, "dropping role "+role, "DROP USER IF EXISTS "+s.account(role)); err != nil {
			return err
		}
	}
	return s.unmark(ctx, aRole, role, c.marks[aRole][role])
}

// RemoveOwned removes all roles of the owner, then the databases that are named.
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
	err := d.session(ctx, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		for _, db := range drop {
			if mark, marked := c.marks[aDatabase][db]; marked || c.databases[db] {
				if err := mark.OwnedBy(op.Owner, "database "+db); err != nil {
					return err
				}
			}
		}
		return s.removeOwned(ctx, c, op.Owner, drop, p, &removed)
	})
	return removed, err
}

func (s *session) removeOwned(ctx context.Context, c catalog, owner operation.Owner, drop []string, p operation.Progress, removed *database.Found) error {
	for _, role := range slices.Sorted(maps.Keys(c.marks[aRole])) {
		mark := c.marks[aRole][role]
		if mark.Owner != owner {
			continue
		}
		p.Say("removing role " + role)
		if err := s.removeRole(ctx, c, role); err != nil {
			return err
		}
		if c.roles[role] {
			removed.Roles = append(removed.Roles, held(role, mark))
		}
	}
	for _, db := range drop {
		mark, marked := c.marks[aDatabase][db]
		if !marked {
			continue
		}
		p.Say("dropping database " + db)
		if err := s.drop(ctx, c, db); err != nil {
			return err
		}
		if c.databases[db] {
			removed.Databases = append(removed.Databases, held(db, mark))
		}
	}
	return nil
}
