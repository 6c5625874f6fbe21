package mariadb

import (
	"errors"

	"github.com/go-sql-driver/mysql"

	"fermata/activities/fault"
	"fermata/integrations/dbx"
)

// Numbers of errors (MariaDB, "MariaDB Error Code Reference"; MySQL, "Server Error Message Reference").
const (
	databaseExists = 1007
	noDatabase     = 1049
	duplicateKey   = 1062
	noThread       = 1094
	noTable        = 1146
)

var kinds = map[uint16]fault.Kind{
	1044: fault.Unauthorized, // To a database.
	1045: fault.Unauthorized, // Login.
	1095: fault.Unauthorized, // Not the owner of a thread.
	1130: fault.Unauthorized, // From this host.
	1142: fault.Unauthorized, // On a table.
	1143: fault.Unauthorized, // On a column.
	1227: fault.Unauthorized, // A right on the whole server.
	1370: fault.Unauthorized, // On a routine.
	1410: fault.Unauthorized, // Making an account by a grant.
	1698: fault.Unauthorized, // Login, by another plugin.
	3118: fault.Unauthorized, // Locked account, MySQL.
	4151: fault.Unauthorized, // Locked account, MariaDB.

	noDatabase: fault.NotFound,

	1040: fault.Unavailable, // Too many connections.
	1053: fault.Unavailable, // Shutdown.
	1203: fault.Unavailable, // Too many connections of the account.
	1205: fault.Unavailable, // Lock wait.
	1213: fault.Unavailable, // Deadlock.
	1290: fault.Unavailable, // Read only, say while it is failed over.
	1317: fault.Unavailable, // Interrupted.
	1396: fault.Unavailable, // CREATE, ALTER or DROP USER: another made or dropped it at the same time. The next attempt looks again.
}

func kindOf(number uint16) fault.Kind {
	if kind, ok := kinds[number]; ok {
		return kind
	}
	return fault.Invalid
}

// numbered reports whether the server answered with one of the errors.
func numbered(err error, numbers ...uint16) bool {
	var said *mysql.MySQLError
	if errors.As(err, &said) {
		for _, n := range numbers {
			if said.Number == n {
				return true
			}
		}
	}
	return false
}

// refused reports whether the server said no for want of a right.
func refused(err error) bool {
	var said *mysql.MySQLError
	return errors.As(err, &said) && kindOf(said.Number) == fault.Unauthorized
}

// statementFault says what a failed statement means. lost is the kind where no answer came.
func statementFault(err error, lost fault.Kind, doing string) error {
	if err == nil {
		return nil
	}
	var said *mysql.MySQLError
	if errors.As(err, &said) {
		return fault.New(kindOf(said.Number), "%s: the server says %w", doing, said)
	}
	return fault.Wrap(lost, err, doing)
}

// loginFault says what a failed login means.
func loginFault(err error, doing string) error {
	if dbx.NoTLS(err) || errors.Is(err, mysql.ErrNoTLS) {
		return fault.Wrap(fault.Unauthorized, err, doing)
	}
	if fault.Is(err, fault.Unauthorized) { // Of whoever dials.
		return fault.Wrap(fault.Unauthorized, err, doing)
	}
	return statementFault(err, fault.Unavailable, doing)
}
