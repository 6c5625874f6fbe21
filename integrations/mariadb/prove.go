package mariadb

import (
	"context"
	"fmt"
	"strings"

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
	s, end, err := d.connect(ctx, login{user: c.Role, database: c.Database, password: c.Password, to: d.site.Endpoint, dial: dial})
	if err != nil {
		return nil, err
	}
	defer end()
	p := &proof{session: s, role: c.Role}
	err = p.all(ctx, c, a)
	return p.lines, err
}

// proof is what a role shows of itself.
type proof struct {
	*session
	role  string
	lines []string
}

func (p *proof) all(ctx context.Context, c database.Credentials, a database.Access) error {
	who, err := p.rows(ctx, "asking as "+p.role, 2, "SELECT CURRENT_USER(), VERSION()")
	if err != nil {
		return err
	}
	p.lines = append(p.lines, fmt.Sprintf("%s is logged in to database %s of %s", who[0][0], c.Database, who[0][1]))
	if err := p.plain(ctx, c.Database); err != nil {
		return err
	}
	may, mayNot, err := p.tasks(ctx, a)
	if err != nil {
		return err
	}
	for _, t := range may {
		if err := p.session.all(ctx, p.role+" could not "+t.what, t.statements...); err != nil {
			return err
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

// plain reads what the account was granted, which shows its verifier, too: nothing of it is told.
func (p *proof) plain(ctx context.Context, db string) error {
	grants, err := p.rows(ctx, "asking what "+p.role+" was granted", 1, "SHOW GRANTS")
	if err != nil {
		return err
	}
	for _, row := range grants {
		in := " ON " + inGrant(db) + ".* TO "
		everywhere := strings.Contains(row[0], " ON *.* TO ") && !strings.HasPrefix(row[0], "GRANT USAGE ")
		elsewhere := !strings.Contains(row[0], " ON *.* TO ") && !strings.Contains(row[0], in)
		if everywhere || elsewhere || strings.Contains(row[0], "WITH GRANT OPTION") {
			return fault.New(fault.Invalid, "%s may too much: it was granted more than rights in database %s", p.role, db)
		}
	}
	return nil
}

// task is something to try, and how to take it back should it succeed.
type task struct {
	what       string
	statements []string
	back       string
}

// tasks are what an access allows and what is next to it. A table is used if there is one.
func (p *proof) tasks(ctx context.Context, a database.Access) (may, mayNot []task, err error) {
	tables, err := p.rows(ctx, "looking for a table as "+p.role, 1,
		"SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_name <> ? ORDER BY 1 LIMIT 1", probe)
	if err != nil {
		return nil, nil, err
	}
	const create, drop = "CREATE TABLE " + probe + " (id INT PRIMARY KEY)", "DROP TABLE " + probe
	may = []task{{what: "read the list of its tables", statements: []string{"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"}}}
	if a == database.Owner {
		// A probe that was interrupted left its table.
		may = append(may, task{what: "make a table", statements: []string{"DROP TABLE IF EXISTS " + probe, create, "INSERT INTO " + probe + " VALUES (1)", drop}})
		mayNot = append(mayNot, task{what: "make an account", statements: []string{"CREATE USER '" + probe + "'@'localhost'"}, back: "DROP USER '" + probe + "'@'localhost'"})
	} else {
		mayNot = append(mayNot, task{what: "make a table", statements: []string{create}, back: drop})
	}
	for _, row := range tables {
		at := "`" + strings.ReplaceAll(row[0], "`", "``") + "`"
		may = append(may, task{what: "read table " + at, statements: []string{"SELECT 1 FROM " + at + " LIMIT 1"}})
		change := task{what: "change table " + at, statements: []string{"DELETE FROM " + at + " WHERE 1 = 0"}}
		if a == database.ReadOnly {
			mayNot = append(mayNot, change)
		} else {
			may = append(may, change)
		}
	}
	return may, append(mayNot, task{what: "read the accounts of others", statements: []string{"SELECT 1 FROM mysql.user LIMIT 1"}}), nil
}

func (p *proof) mustBeRefused(ctx context.Context, t task) error {
	err := p.session.all(ctx, "trying to "+t.what+" as "+p.role, t.statements...)
	switch {
	case refused(err):
		return nil
	case err != nil:
		return err
	case t.back != "":
		if err := p.change(ctx, "taking back what "+p.role+" did", t.back); err != nil {
			return err
		}
	}
	return fault.New(fault.Invalid, "%s may too much: it was not refused to %s", p.role, t.what)
}
