package postgresql

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"fermata/activities/fault"
)

// session is a connection of the driver's account to one database.
type session struct{ conn *pgx.Conn }

// name quotes an identifier.
func name(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// text quotes a constant. Names, marks and verifiers hold no character that means something in one; it is quoted all the same.
func (s *session) text(value string) (string, error) {
	quoted, err := s.conn.PgConn().EscapeString(value)
	return "'" + quoted + "'", fault.Wrap(fault.Invalid, err, "quoting a text")
}

// alone runs one statement that no transaction can hold. A lost answer is Ambiguous.
func (s *session) alone(ctx context.Context, doing, statement string) error {
	if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	_, err := s.conn.Exec(ctx, statement)
	return statementFault(err, fault.Ambiguous, doing)
}

// together runs statements in one transaction. Until it is committed nothing has changed: an answer that is lost before is
// Unavailable, that to the commit Ambiguous.
func (s *session) together(ctx context.Context, doing string, statements ...string) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return statementFault(err, fault.Unavailable, doing)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // Nothing, after a commit.
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return statementFault(err, fault.Unavailable, doing)
		}
	}
	return statementFault(tx.Commit(ctx), fault.Ambiguous, doing)
}

// column reads one column of text.
func (s *session) column(ctx context.Context, doing, query string, args ...any) ([]string, error) {
	rows, err := s.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, statementFault(err, fault.Unavailable, doing)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return all, statementFault(err, fault.Unavailable, doing)
}

func list(names []string) string {
	const few = 5
	if len(names) > few {
		names = append(append([]string(nil), names[:few]...), "…")
	}
	return strings.Join(names, ", ")
}
