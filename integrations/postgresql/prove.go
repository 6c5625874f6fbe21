package postgresql

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/integrations/dbx"
)

// Prove connects as a client does, through whatever dial leads through.
func (d *Driver) Prove(ctx context.Context, dial database.Dial, c database.Credentials, a database.Access) ([]string, error) {
	if err := dbx.CheckCredentials(c); err != nil {
		return nil, err
	}
	if err := a.Check(); err != nil {
		return nil, err
	}
	conn, err := d.connect(ctx, login{user: c.Role, database: c.Database, password: c.Password, to: d.site.Endpoint, dial: dial})
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	p := &proof{conn: conn, role: c.Role}
	err = p.all(ctx, c, a)
	return p.lines, err
}

// proof is what a role shows of itself. Whatever it does is taken back.
type proof struct {
	conn  *pgx.Conn
	role  string
	lines []string
}

func (p *proof) all(ctx context.Context, c database.Credentials, a database.Access) error {
	var user, in, version string
	if err := p.conn.QueryRow(ctx, `SELECT session_user, current_database(), current_setting('server_version')`).Scan(&user, &in, &version); err != nil {
		return statementFault(err, fault.Unavailable, "asking as "+p.role)
	}
	p.lines = append(p.lines, fmt.Sprintf("%s is logged in to database %s of PostgreSQL %s", user, in, version))
	if err := p.plain(ctx); err != nil {
		return err
	}
	may, mayNot, err := p.tasks(ctx, c.Database, a)
	if err != nil {
		return err
	}
	for _, t := range may {
		if err := p.try(ctx, t.statements...); err != nil {
			return statementFault(err, fault.Unavailable, p.role+" could not "+t.what)
		}
		p.lines = append(p.lines, p.role+" may "+t.what)
	}
	for _, t := range mayNot {
		if err := p.mustBeRefused(ctx, t); err != nil {
			return err
		}
		p.lines = append(p.lines, p.role+" was refused to "+t.what)
	}
	return nil
}

// plain asks for rights that nobody is granted, but has.
func (p *proof) plain(ctx context.Context) error {
	var more bool
	err := p.conn.QueryRow(ctx, `SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = session_user`).Scan(&more)
	if err == nil && more {
		return fault.New(fault.Invalid, "%s may too much: it has an attribute of an administrator", p.role)
	}
	return statementFault(err, fault.Unavailable, "asking what "+p.role+" may do")
}

// task is something to try, in one transaction.
type task struct {
	what       string
	statements []string
}

// probe is the name of a table that is never committed.
const probe = "fermata_probe"

// tasks are what an access allows and what is next to it. A table is used if there is one.
func (p *proof) tasks(ctx context.Context, db string, a database.Access) (may, mayNot []task, err error) {
	s := &session{conn: p.conn}
	tables, err := s.column(ctx, "looking for a table as "+p.role, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public'
		AND pg_get_userbyid(c.relowner) = $1 ORDER BY 1 LIMIT 1`, owners(db))
	if err != nil {
		return nil, nil, err
	}
	table := task{"make a table", []string{"CREATE TABLE public." + probe + " (id int)", "INSERT INTO public." + probe + " VALUES (1)", "DROP TABLE public." + probe}}
	may = []task{{"read the catalogue", []string{"SELECT count(*) FROM pg_class"}}}
	if a == database.Owner {
		may = append(may, table)
		mayNot = append(mayNot, task{"make a role", []string{"CREATE ROLE " + probe}})
	} else {
		mayNot = append(mayNot, table)
	}
	for _, at := range tables {
		may = append(may, task{"read table " + at, []string{"SELECT FROM " + at + " LIMIT 1"}})
		change := task{"change table " + at, []string{"DELETE FROM " + at + " WHERE false"}}
		if a == database.ReadOnly {
			mayNot = append(mayNot, change)
		} else {
			may = append(may, change)
		}
	}
	return may, append(mayNot, task{"read the verifiers of passwords", []string{"SELECT FROM pg_authid LIMIT 1"}}), nil
}

// try runs statements and takes them back.
func (p *proof) try(ctx context.Context, statements ...string) error {
	tx, err := p.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (p *proof) mustBeRefused(ctx context.Context, t task) error {
	err := p.try(ctx, t.statements...)
	switch {
	case err == nil:
		return fault.New(fault.Invalid, "%s may too much: it was not refused to %s", p.role, t.what)
	case refused(err):
		return nil
	}
	return statementFault(err, fault.Unavailable, "trying to "+t.what+" as "+p.role)
}
