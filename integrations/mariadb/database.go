package mariadb

import (
	"context"
	"strings"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// EnsureDatabase marks the name, then makes the database. Nobody has a right in a new database here but those who have it in all.
func (d *Driver) EnsureDatabase(ctx context.Context, op operation.Op, db database.Database, p operation.Progress) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := database.CheckDatabase(db.Name); err != nil {
		return err
	}
	p.Say("making database " + db.Name)
	mine, doing := database.MarkOf(op), "making database "+db.Name
	return d.session(ctx, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		before, err := s.claim(ctx, c, aDatabase, db.Name, mine)
		if err != nil || c.databases[db.Name] {
			return err
		}
		err = s.change(ctx, doing, "CREATE DATABASE "+name(db.Name)+" CHARACTER SET utf8mb4")
		if !numbered(err, databaseExists) || before {
			return ignore(err, databaseExists)
		}
		// Somebody made it after we looked: it is theirs.
		if err := s.unmark(ctx, aDatabase, db.Name, mine); err != nil {
			return err
		}
		return mine.Against(database.Mark{}, "database "+db.Name)
	})
}

// ignore takes an error that says what was wanted is so already.
func ignore(err error, numbers ...uint16) error {
	if numbered(err, numbers...) {
		return nil
	}
	return err
}

// RemoveDatabase drops the database that carries op's key and has no tables.
func (d *Driver) RemoveDatabase(ctx context.Context, op operation.Op, db database.Database, p operation.Progress) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := database.CheckDatabase(db.Name); err != nil {
		return err
	}
	return d.session(ctx, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil || c.marks[aDatabase][db.Name] != database.MarkOf(op) {
			return err
		}
		p.Say("removing database " + db.Name)
		if err := s.mustBeEmpty(ctx, db.Name); err != nil {
			return err
		}
		return s.drop(ctx, c, db.Name)
	})
}

// probe is the name of a table, and of an account, that proofs make and drop.
const probe = "fermata_probe"

// mustBeEmpty is a Conflict where there are tables: the database had none when it was made.
func (s *session) mustBeEmpty(ctx context.Context, db string) error {
	tables, err := s.rows(ctx, "looking for tables in database "+db, 1,
		"SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_name <> ? ORDER BY 1 LIMIT 5", db, probe)
	if err != nil || len(tables) == 0 {
		return err
	}
	var names []string
	for _, row := range tables {
		names = append(names, row[0])
	}
	return fault.New(fault.Conflict, "database %s holds tables that others made (%s): it is not dropped", db, strings.Join(names, ", "))
}

func (s *session) drop(ctx context.Context, c catalog, db string) error {
	if err := s.change(ctx, "dropping database "+db, "DROP DATABASE IF EXISTS "+name(db)); err != nil {
		return err
	}
	return s.unmark(ctx, aDatabase, db, c.marks[aDatabase][db])
}
