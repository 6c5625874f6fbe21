package postgresql

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/dbx"
)

// Dump runs pg_dump, whose own format pg_restore reads. The password reaches it in a file that only the worker's account reads:
// libpq takes none from a pipe.
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
	if err := d.mustBeOwned(ctx, db.Name, op.Owner); err != nil {
		return database.Archive{}, err
	}
	p.Say("dumping database " + db.Name)
	dump, remove, err := d.dump(ctx, db.Name)
	if err != nil {
		return database.Archive{}, err
	}
	defer remove()
	return dbx.Archive(ctx, d.config.Archives, op, db, dump)
}

// mustBeOwned: NotFound where there is no such database, Conflict where it is not the owner's.
func (d *Driver) mustBeOwned(ctx context.Context, db string, owner operation.Owner) error {
	return d.session(ctx, d.config.Database, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		mark, exists := c.database(db)
		if !exists {
			return fault.New(fault.NotFound, "there is no database %s", db)
		}
		return mark.OwnedBy(owner, "database "+db)
	})
}

func (d *Driver) dump(ctx context.Context, db string) (dump dbx.Dump, remove func(), err error) {
	l, err := d.admin(ctx, db)
	if err != nil {
		return dbx.Dump{}, nil, err
	}
	// The password file's fields are parted by colons (libpq, "The Password File").
	password := strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(l.password.Text())
	file, remove, err := dbx.Private([]byte("*:*:*:*:" + password + "\n"))
	if err != nil {
		return dbx.Dump{}, nil, err
	}
	env := []string{
		"PGHOST=" + l.to.Host, "PGPORT=" + strconv.Itoa(l.to.Port), "PGUSER=" + l.user, "PGDATABASE=" + db, "PGPASSFILE=" + file,
		"PGCONNECT_TIMEOUT=" + fmt.Sprint(max(1, int(d.config.Timeout.Seconds()))), "PGSSLMODE=disable",
	}
	if d.config.CA != "" {
		env = append(env[:len(env)-1], "PGSSLMODE=verify-full", "PGSSLROOTCERT="+d.config.CA)
	}
	return dbx.Dump{Program: d.config.PGDump, Args: []string{"--format=custom", "--no-password"}, Env: env, Password: l.password, Suffix: ".dump"}, remove, nil
}
