package mariadb

import (
	"context"
	"os/exec"
	"strings"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/dbx"
)

// Dump runs mariadb-dump. The password reaches it through a pipe.
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
	vendor, err := d.dumper(ctx)
	if err != nil {
		return database.Archive{}, fault.Wrap(fault.Invalid, err, "dumping database "+db.Name)
	}
	c := d.config
	c.Vendor = vendor
	return dbx.Archive(ctx, d.config.Archives, op, db, dbx.Dump{
		Program: d.config.DumpProgram, Args: []string{"--defaults-file=" + dbx.OptionsPath, "--single-transaction", "--routines", "--events", "--triggers", db.Name},
		Options:  dbx.Render("client", c.settings(d.site.Address, d.config.User, "", dbx.Quoted(password), d.config.CA)),
		Password: password, Suffix: ".sql",
	})
}

// dumper says whose the program is that dumps: it need not come from who made the server, and each has words of its own. Both call
// it mysqldump.
func (d *Driver) dumper(ctx context.Context) (vendor string, err error) {
	said, err := exec.CommandContext(ctx, d.config.DumpProgram, "--no-defaults", "--version").Output() //nolint:gosec // Of the worker's own configuration.
	if strings.Contains(string(said), "MariaDB") {
		return vendorMariaDB, err
	}
	return vendorMySQL, err
}
