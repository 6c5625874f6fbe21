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
	own := d.config
	if own.Vendor, err = programVendor(ctx, own.DumpProgram); err != nil {
		return database.Archive{}, err
	}
	options := dbx.Render("client", own.settings(d.site.Address, own.User, "", dbx.Quoted(password), own.CA))
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

// programVendor says whose words a program takes, which need not be the server's vendor: Debian's mysqldump is MariaDB's.
func programVendor(ctx context.Context, program string) (string, error) {
	text, err := exec.CommandContext(ctx, program, "--version").Output() //nolint:gosec // Of the configuration, without a shell.
	switch {
	case err != nil:
		return "", fault.New(fault.Invalid, "asking %s for its version: %w: install it, or set dumpProgram", program, err)
	case strings.Contains(string(text), "MariaDB"):
		return vendorMariaDB, nil
	}
	return vendorMySQL, nil
}
