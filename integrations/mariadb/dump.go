package mariadb

import (
	"context"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/dbx"
)

// Dump runs mariadb-dump. The password reaches it in an option file that only the worker's account reads.
func (d *Driver) Dump(ctx context.Context, op operation.Op, db database.Database, p operation.Progress) (database.Archive, error) {
	if err := database.CheckOp(op); err != nil {
		return database.Archive{}, err
	}
	if err := database.CheckDatabase(db.Name); err != nil {
		return database.Archive{}, err
	}
	if d.config.Archives == "" {
		return database.Archive{}, fault.New(fault.Invalid, "dumping database %s: no folder is configured: set archives", db.Name)
	}
	err := d.session(ctx, func(s *session) error {
		c, err := s.catalog(ctx)
		switch {
		case err != nil:
			return err
		case !c.databases[db.Name]:
			return fault.New(fault.NotFound, "there is no database %s", db.Name)
		}
		return c.marks[aDatabase][db.Name].OwnedBy(op.Owner, "database "+db.Name)
	})
	if err != nil {
		return database.Archive{}, err
	}
	p.Say("dumping database " + db.Name)
	return d.dump(ctx, op, db)
}

func (d *Driver) dump(ctx context.Context, op operation.Op, db database.Database) (database.Archive, error) {
	password, err := d.secrets.Resolve(ctx, d.config.Password)
	if err != nil {
		return database.Archive{}, fault.Wrap(fault.KindOf(err), err, "dumping database "+db.Name)
	}
	options := dbx.Render("client", d.config.settings(d.site.Address, d.config.User, "", dbx.Quoted(password), d.config.CA))
	file, remove, err := dbx.Private(options.Reveal())
	if err != nil {
		return database.Archive{}, err
	}
	defer remove()
	return dbx.Archive(ctx, d.config.Archives, op, db, dbx.Dump{
		Program: d.config.DumpProgram, Args: []string{"--defaults-file=" + file, "--single-transaction", "--routines", "--events", "--triggers", db.Name},
		Password: password, Suffix: ".sql",
	})
}
