package postgresql

import (
	"context"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// EnsureDatabase makes the role that tables belong to, then the database, then takes away what everybody has in it. The first is
// what an attempt that follows knows its own work by.
func (d *Driver) EnsureDatabase(ctx context.Context, op operation.Op, db database.Database, p operation.Progress) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := database.CheckDatabase(db.Name); err != nil {
		return err
	}
	p.Say("making database " + db.Name)
	err := d.session(ctx, d.config.Database, func(s *session) error { return s.makeDatabase(ctx, database.MarkOf(op), db.Name) })
	if err != nil {
		return err
	}
	return d.session(ctx, db.Name, func(s *session) error { return s.closeDatabase(ctx, database.MarkOf(op), db.Name) })
}

func (s *session) makeDatabase(ctx context.Context, mine database.Mark, db string) error {
	doing := "making database " + db
	c, err := s.catalog(ctx)
	if err != nil {
		return err
	}
	if mark, exists := c.database(db); exists {
		return mine.Against(mark, "database "+db)
	}
	if mark, exists := c.roles[owners(db)]; exists {
		if err := mine.Against(mark, "role "+owners(db)+" of database "+db); err != nil {
			return err
		}
	} else if err := s.makeMarked(ctx, doing, owners(db), "NOLOGIN", mine); err != nil {
		return err
	}
	// template0: what a site put into template1 may be anybody's.
	return s.alone(ctx, doing, "CREATE DATABASE "+name(db)+" TEMPLATE template0")
}

// makeMarked makes a role, its mark, and the account a member of it, which lets it give and take away what is the role's. Since
// version 16 whoever makes a role may do so; before, CREATEROLE alone allows it.
func (s *session) makeMarked(ctx context.Context, doing, role, options string, mark database.Mark, more ...string) error {
	comment, err := s.text(mark.String())
	if err != nil {
		return err
	}
	return s.together(ctx, doing, append([]string{
		"CREATE ROLE " + name(role) + " " + options,
		"COMMENT ON ROLE " + name(role) + " IS " + comment,
		"GRANT " + name(role) + " TO CURRENT_USER",
	}, more...)...)
}

// closeDatabase leaves everything in the database to the role that its tables belong to. That role does not own the database
// itself: it could drop it, and let others in.
func (s *session) closeDatabase(ctx context.Context, mark database.Mark, db string) error {
	comment, err := s.text(mark.String())
	if err != nil {
		return err
	}
	return s.together(
		ctx, "closing database "+db+" to others",
		"REVOKE ALL ON DATABASE "+name(db)+" FROM PUBLIC",
		"REVOKE ALL ON SCHEMA public FROM PUBLIC",
		"GRANT CREATE, TEMPORARY ON DATABASE "+name(db)+" TO "+name(owners(db)),
		"GRANT USAGE, CREATE ON SCHEMA public TO "+name(owners(db)),
		"COMMENT ON DATABASE "+name(db)+" IS "+comment,
	)
}

// RemoveDatabase drops the database that carries op's key and has no tables, and the role that they would belong to.
func (d *Driver) RemoveDatabase(ctx context.Context, op operation.Op, db database.Database, p operation.Progress) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := database.CheckDatabase(db.Name); err != nil {
		return err
	}
	return d.session(ctx, d.config.Database, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		mark, exists := c.database(db.Name)
		if exists && mark == database.MarkOf(op) {
			p.Say("removing database " + db.Name)
			if err := d.mustBeEmpty(ctx, db.Name); err != nil {
				return err
			}
		}
		return s.drop(ctx, c, db.Name, func(m database.Mark) bool { return m == database.MarkOf(op) })
	})
}

const tablesOf = `SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'f', 'm') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' ORDER BY 1`

// mustBeEmpty is a Conflict where there are tables: the database had none when it was made.
func (d *Driver) mustBeEmpty(ctx context.Context, db string) error {
	return d.session(ctx, db, func(s *session) error {
		tables, err := s.column(ctx, "looking for tables in database "+db, tablesOf)
		if err == nil && len(tables) > 0 {
			err = fault.New(fault.Conflict, "database %s holds tables that others made (%s): it is not dropped", db, list(tables))
		}
		return err
	})
}

// drop drops a database, whose sessions it ends, and the role that its tables belonged to, each if it is ours.
func (s *session) drop(ctx context.Context, c catalog, db string, ours func(database.Mark) bool) error {
	mark, exists := c.database(db)
	if exists && !ours(mark) {
		return nil
	}
	if exists {
		err := s.alone(ctx, "dropping database "+db, "DROP DATABASE "+name(db)+" WITH (FORCE)")
		if refused(err) && c.databases[db].mine { // Whoever owns a database may drop it, but not end an administrator's session.
			return fault.Wrap(fault.Unavailable, err, "waiting for an administrator's session to end")
		}
		if err != nil {
			return err
		}
	}
	if mark, exists := c.roles[owners(db)]; exists && ours(mark) {
		return s.together(ctx, "dropping role "+owners(db), "DROP ROLE "+name(owners(db)))
	}
	return nil
}
