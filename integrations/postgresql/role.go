package postgresql

import (
	"context"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/dbx"
)

// EnsureRole makes the role and all that it may do, or nothing, in one transaction.
func (d *Driver) EnsureRole(ctx context.Context, op operation.Op, r database.Role, password secret.Value, p operation.Progress) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	verifier, err := verify(password)
	if err != nil {
		return err
	}
	p.Say("making role " + r.Name)
	mine, exists := database.MarkOf(op), false
	err = d.session(ctx, d.config.Database, func(s *session) error {
		exists, err = s.roleFor(ctx, mine, r)
		return err
	})
	if err != nil {
		return err
	}
	return d.session(ctx, r.Database, func(s *session) error {
		doing := "making role " + r.Name
		schemas, err := s.column(ctx, doing, `SELECT nspname FROM pg_namespace WHERE nspname = 'public' OR pg_get_userbyid(nspowner) = $1`, owners(r.Database))
		if err != nil {
			return err
		}
		login, err := s.login(verifier)
		if err != nil {
			return err
		}
		if !exists {
			return s.makeMarked(ctx, doing, r.Name, "NOINHERIT "+login, mine, grants(r, schemas)...)
		}
		again := append(takeAll(r.Name, r.Database), "ALTER ROLE "+name(r.Name)+" "+login)
		return s.together(ctx, doing, append(again, grants(r, schemas)...)...)
	})
}

func verify(password secret.Value) (string, error) {
	if err := dbx.CheckPassword(password); err != nil {
		return "", err
	}
	return verifier(password)
}

// login are the words that let a role in.
func (s *session) login(verifier string) (string, error) {
	quoted, err := s.text(verifier)
	return "LOGIN PASSWORD " + quoted, err
}

// roleFor reports whether the role exists. Conflict: it, or the database, is another's. NotFound: the database.
func (s *session) roleFor(ctx context.Context, mine database.Mark, r database.Role) (exists bool, err error) {
	c, err := s.catalog(ctx)
	if err != nil {
		return false, err
	}
	in, there := c.database(r.Database)
	if !there {
		return false, fault.New(fault.NotFound, "role %s: there is no database %s", r.Name, r.Database)
	}
	if err := in.OwnedBy(mine.Owner, "database "+r.Database); err != nil {
		return false, err
	}
	mark, exists := c.roles[r.Name]
	if exists {
		err = mine.Against(mark, "role "+r.Name)
	}
	return exists, err
}

// grants are what an access means. An owner does nothing as itself (NOINHERIT) and all as the role that tables belong to: what
// it makes is the database's from the beginning.
func grants(r database.Role, schemas []string) []string {
	role, owner := name(r.Name), name(owners(r.Database))
	all := []string{"GRANT CONNECT ON DATABASE " + name(r.Database) + " TO " + role}
	if r.Access == database.Owner {
		return append(all, "GRANT "+owner+" TO "+role, "ALTER ROLE "+role+" IN DATABASE "+name(r.Database)+" SET role = "+name(owners(r.Database)))
	}
	tables, sequences := "SELECT", "SELECT"
	if r.Access == database.ReadWrite {
		tables, sequences = "SELECT, INSERT, UPDATE, DELETE", "USAGE, SELECT"
	}
	for _, schema := range schemas {
		all = append(
			all,
			"GRANT USAGE ON SCHEMA "+name(schema)+" TO "+role,
			"GRANT "+tables+" ON ALL TABLES IN SCHEMA "+name(schema)+" TO "+role,
			"GRANT "+sequences+" ON ALL SEQUENCES IN SCHEMA "+name(schema)+" TO "+role,
		)
	}
	later := "ALTER DEFAULT PRIVILEGES FOR ROLE " + owner + " GRANT "
	return append(all, later+"USAGE ON SCHEMAS TO "+role, later+tables+" ON TABLES TO "+role, later+sequences+" ON SEQUENCES TO "+role)
}

// takeAll takes a role all that it has in a database and, of what all databases share, everywhere. Its tables stay.
func takeAll(role, db string) []string {
	return []string{
		"REASSIGN OWNED BY " + name(role) + " TO " + name(owners(db)),
		"DROP OWNED BY " + name(role),
		"REVOKE " + name(owners(db)) + " FROM " + name(role),
		"ALTER ROLE " + name(role) + " IN DATABASE " + name(db) + " RESET ALL",
	}
}

// SetPassword gives a role of the owner another password, and the right to log in.
func (d *Driver) SetPassword(ctx context.Context, op operation.Op, role string, password secret.Value, p operation.Progress) error {
	verifier, err := verify(password)
	if err != nil {
		return err
	}
	return d.alter(ctx, op, role, func(s *session) error {
		p.Say("setting the password of role " + role)
		login, err := s.login(verifier)
		if err != nil {
			return err
		}
		return s.together(ctx, "setting the password of role "+role, "ALTER ROLE "+name(role)+" "+login)
	})
}

// DisableRole takes a role of the owner the right to log in and ends its sessions.
func (d *Driver) DisableRole(ctx context.Context, op operation.Op, role string, p operation.Progress) error {
	return d.alter(ctx, op, role, func(s *session) error {
		p.Say("disabling role " + role)
		return s.shut(ctx, role)
	})
}

// alter lets do work on a role of op's owner.
func (d *Driver) alter(ctx context.Context, op operation.Op, role string, do func(*session) error) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := database.CheckRole(role); err != nil {
		return err
	}
	return d.session(ctx, d.config.Database, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		mark, exists := c.roles[role]
		if !exists {
			return fault.New(fault.NotFound, "there is no role %s", role)
		}
		if err := mark.OwnedBy(op.Owner, "role "+role); err != nil {
			return err
		}
		return do(s)
	})
}

// patience is how many milliseconds a session that is told to end may take.
const patience = 10000

// shut lets no session of a role begin, and ends those that are open.
func (s *session) shut(ctx context.Context, role string) error {
	doing := "disabling role " + role
	if err := s.together(ctx, doing, "ALTER ROLE "+name(role)+" NOLOGIN"); err != nil {
		return err
	}
	var ended bool
	err := s.conn.QueryRow(ctx, `SELECT coalesce(bool_and(pg_terminate_backend(pid, $2)), true) FROM pg_stat_activity WHERE usename = $1`, role, patience).Scan(&ended)
	if err == nil && !ended {
		return fault.New(fault.Unavailable, "%s: a session of it does not end", doing)
	}
	return statementFault(err, fault.Ambiguous, doing)
}
