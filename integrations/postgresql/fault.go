package postgresql

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"fermata/activities/fault"
	"fermata/integrations/dbx"
)

// kinds are what SQLSTATEs mean (PostgreSQL, appendix A). Classes stand for all of theirs that have no entry.
var kinds = map[string]fault.Kind{
	"28000": fault.Unauthorized, // Not permitted to log in, or no entry in pg_hba.conf.
	"28P01": fault.Unauthorized, // Wrong password.
	"42501": fault.Unauthorized,
	"3D000": fault.NotFound,    // Database.
	"42704": fault.NotFound,    // Role.
	"2BP01": fault.Conflict,    // Something depends on it.
	"42710": fault.Unavailable, // Made by another at the same time: the next attempt sees whose it is.
	"42P04": fault.Unavailable,
	"23505": fault.Unavailable,
	"55006": fault.Unavailable, // In use.
	"55P03": fault.Unavailable, // Locked.
	"XX000": fault.Unavailable, // "tuple concurrently updated".
	"08":    fault.Unavailable, // Connection.
	"40":    fault.Unavailable, // Serialisation, deadlock.
	"53":    fault.Unavailable, // Out of connections, memory, disk.
	"57":    fault.Unavailable, // Shutdown, cancelled.
	"58":    fault.Unavailable, // System error.
}

func kindOf(code string) fault.Kind {
	if kind, ok := kinds[code]; ok {
		return kind
	}
	if kind, ok := kinds[code[:min(2, len(code))]]; ok {
		return kind
	}
	return fault.Invalid
}

// refused reports whether the server said no for want of a right.
func refused(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == "42501"
}

// statementFault says what a failed statement means. lost is the kind where no answer came: pgconn.SafeToRetry cannot tell, it is
// also true of a statement whose answer was cut off ("conn closed").
func statementFault(err error, lost fault.Kind, doing string) error {
	if err == nil {
		return nil
	}
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return fault.New(kindOf(said.Code), "%s: PostgreSQL says %w", doing, said)
	}
	return fault.Wrap(lost, err, doing)
}

// loginFault says what a failed login means. The library's text repeats nothing of the password.
func loginFault(ctx context.Context, err error, l login) error {
	doing := "logging in to PostgreSQL at " + l.to.String() + " as " + l.user
	var said *pgconn.PgError
	switch {
	case ctx.Err() != nil:
		return fault.Wrap(fault.Unavailable, ctx.Err(), doing)
	case errors.As(err, &said):
		return fault.New(kindOf(said.Code), "%s: PostgreSQL says %w", doing, said)
	case dbx.NoTLS(err):
		return fault.Wrap(fault.Unauthorized, err, doing)
	case fault.Is(err, fault.Unauthorized): // Of whoever dials.
		return fault.Wrap(fault.Unauthorized, err, doing)
	}
	return fault.Wrap(fault.Unavailable, err, doing)
}
