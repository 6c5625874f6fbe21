package judge

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"fermata/sandbox/estate"
)

// databases asks the database server, as its administrator, for what is called after the instance or marked as its own: databases
// with their tables, logins with their rights and locks.
func (j *Judge) databases(ctx context.Context, name string) ([]string, error) {
	password, err := j.secret("database-password")
	if err != nil {
		return nil, err
	}
	db, err := j.openDatabase(estate.DatabaseUser, password)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	var facts []string
	var logins []string
	for _, q := range []struct {
		form  string
		query string
		args  []any
		see   func(row []string)
	}{
		{
			"mark of %[1]s %[2]s is %[3]s of %[4]s", "SELECT kind, name, run_key, owner FROM fermata.objects WHERE owner = ? OR name LIKE ?",
			[]any{"instance/" + name, under(name) + "%"},
			nil,
		},
		{"database %s", "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE ?", []any{under(name) + "%"}, nil},
		{"table %s.%s", "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE ?", []any{under(name) + "%"}, nil},
		{
			"login %s@%s, locked: %s", "SELECT User, Host, account_locked FROM mysql.user WHERE User LIKE ?",
			[]any{under(name) + "%"},
			func(row []string) { logins = append(logins, fmt.Sprintf("'%s'@'%s'", row[0], row[1])) },
		},
	} {
		rows, err := ask(ctx, db, q.query, q.args...)
		if err != nil && !errors.Is(err, errNothingYet) {
			return nil, err
		}
		for _, row := range rows {
			if q.see != nil {
				q.see(row)
			}
			facts = append(facts, fmt.Sprintf(q.form, anys(row)...))
		}
	}
	for _, login := range logins {
		rows, err := ask(ctx, db, "SHOW GRANTS FOR "+login)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			facts = append(facts, "right: "+strings.ReplaceAll(row[0], `\_`, "_"))
		}
	}
	return facts, nil
}

// under is a name as databases have it.
func under(name string) string { return strings.ReplaceAll(name, "-", "_") }

func anys(row []string) []any {
	all := make([]any, len(row))
	for i, text := range row {
		all[i] = text
	}
	return all
}

// errNothingYet is of a table that the first object makes.
var errNothingYet = errors.New("there is no such table yet")

// ask returns the rows of an answer, as texts.
func ask(ctx context.Context, db *sql.DB, query string, args ...any) (all [][]string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if refused := new(mysql.MySQLError); errors.As(err, &refused) && slices.Contains([]uint16{1049, 1146}, refused.Number) {
		return nil, errNothingYet
	}
	if err != nil {
		return nil, fmt.Errorf("asking the database server: %w", err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("asking the database server: %w", err)
	}
	for rows.Next() {
		row, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading an answer of the database server: %w", err)
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// openDatabase prepares to log in, over TLS and where workers do.
func (j *Judge) openDatabase(user, password string) (*sql.DB, error) {
	security, err := trusting(j.Estate.DatabaseCA())
	if err != nil {
		return nil, err
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.Timeout, c.ReadTimeout = "tcp", j.Estate.Database.Address(), user, password, 10*time.Second, 10*time.Second
	c.TLS = &tls.Config{RootCAs: security.RootCAs, ServerName: estate.DatabaseName, MinVersion: tls.VersionTLS12}
	c.InterpolateParams, c.Logger = true, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("preparing to log in to the database server: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// opens reports whether somebody with that password gets in.
func (j *Judge) opens(ctx context.Context, login, password string) (bool, error) {
	db, err := j.openDatabase(login, password)
	if err != nil {
		return false, err
	}
	defer func() { _ = db.Close() }()
	_, err = ask(ctx, db, "SELECT 1")
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && slices.Contains([]uint16{1045, 3118}, refused.Number) { // Wrong password; locked.
		return false, nil
	}
	return err == nil, err
}

// secrets are the versions of the password, and what each opens: it is tried with both logins.
func (j *Judge) secrets(ctx context.Context, name string, versions []kept) ([]string, error) {
	var facts []string
	for i, v := range versions {
		var opened []string
		for _, login := range []string{under(name) + "_1", under(name) + "_2"} {
			in, err := j.opens(ctx, login, v.Value)
			if err != nil {
				return nil, fmt.Errorf("trying %s: %w", login, err)
			}
			if in {
				opened = append(opened, login)
			}
		}
		facts = append(facts, fmt.Sprintf("password %d of %d, kept under %s, opens [%s]", i+1, len(versions), v.Key, strings.Join(opened, " ")))
	}
	return facts, nil
}
