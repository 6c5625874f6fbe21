package mariadb

import (
	"context"
	"crypto/sha1" //nolint:gosec // mysql_native_password is made of it.
	"database/sql"
	"encoding/hex"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/dbx"
)

// session is a connection of the driver's account.
type session struct {
	conn  *sql.Conn
	hosts string
}

// Names were checked against the capability's patterns, and the configuration's against its own: nothing in them means anything
// between quotes.

// name quotes the name of a database or table.
func name(n string) string { return "`" + n + "`" }

// inGrant quotes the name of a database where GRANT would take underscores for any letter.
func inGrant(db string) string { return name(strings.ReplaceAll(db, "_", `\_`)) }

// account is the account of a role.
func (s *session) account(role string) string { return "'" + role + "'@'" + s.hosts + "'" }

// change runs one statement. A lost answer is Ambiguous.
func (s *session) change(ctx context.Context, doing, statement string, args ...any) error {
	if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	_, err := s.conn.ExecContext(ctx, statement, args...)
	return statementFault(err, fault.Ambiguous, doing)
}

// all runs statements one after the other.
func (s *session) all(ctx context.Context, doing string, statements ...string) error {
	for _, statement := range statements {
		if err := s.change(ctx, doing, statement); err != nil {
			return err
		}
	}
	return nil
}

// rows reads columns of text.
func (s *session) rows(ctx context.Context, doing string, columns int, query string, args ...any) ([][]string, error) {
	rows, err := s.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, statementFault(err, fault.Unavailable, doing)
	}
	defer func() { _ = rows.Close() }()
	var all [][]string
	for rows.Next() {
		row, into := make([]string, columns), make([]any, columns)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, doing)
		}
		all = append(all, row)
	}
	return all, statementFault(rows.Err(), fault.Unavailable, doing)
}

// identified are the words that give an account its password. MariaDB and MySQL both read them.
func identified(password secret.Value) (string, error) {
	if err := dbx.CheckPassword(password); err != nil {
		return "", err
	}
	return "IDENTIFIED WITH mysql_native_password AS '" + verifier(password.Text()) + "'", nil
}

// verifier is what mysql_native_password keeps: "*" and SHA1(SHA1(password)) in capital hex digits.
func verifier(password string) string {
	once := sha1.Sum([]byte(password)) //nolint:gosec // See above.
	twice := sha1.Sum(once[:])         //nolint:gosec // See above.
	return "*" + strings.ToUpper(hex.EncodeToString(twice[:]))
}
