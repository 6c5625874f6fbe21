// Package database runs the database suite on Debian's PostgreSQL 15 and MariaDB 10.11, which log every statement that they
// are told: no password may stand there.
package database
