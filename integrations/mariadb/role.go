package mariadb

import (
	"context"
	"time"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// rights are what an access means. Whoever may drop a table here may drop the database, too: there is one right for both.
func rights(a database.Access) string {
	switch a {
	case database.ReadOnly:
		return "SELECT, SHOW VIEW"
	case database.ReadWrite:
		return "SELECT, SHOW VIEW, INSERT, UPDATE, DELETE"
	default:
		return "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, " +
			"EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER"
	}
}

// EnsureRole marks the name, makes the account, and gives it its rights.
func (d *Driver) EnsureRole(ctx context.Context, op operation.Op, r database.Role, password secret.Value, p operation.Progress) error {
	if err := database.CheckOp(op); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	as, err := identified(password)
	if err != nil {
		return err
	}
	p.Say("making role " + r.Name)
	return d.session(ctx, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		if !c.databases[r.Database] {
			return fault.New(fault.NotFound, "role %s: there is no database %s", r.Name, r.Database)
		}
		if err := c.marks[aDatabase][r.Database].OwnedBy(op.Owner, "database "+r.Database); err != nil {
			return err
		}
		if _, err := s.claim(ctx, c, aRole, r.Name, database.MarkOf(op)); err != nil {
			return err
		}
		account := s.account(r.Name)
		make := "CREATE USER " + account + " " + as + d.require()
		if c.roles[r.Name] {
			make = "ALTER USER " + account + " " + as + d.require() + " ACCOUNT UNLOCK"
		}
		return s.all(
			ctx, "making role "+r.Name, make,
			"REVOKE ALL PRIVILEGES, GRANT OPTION FROM "+account,
			"GRANT "+rights(r.Access)+" ON "+inGrant(r.Database)+".* TO "+account,
		)
	})
}

// require lets an account in by TLS only, where clients have something to verify the server with.
func (d *Driver) require() string {
	if d.site.CA == "" {
		return ""
	}
	return " REQUIRE SSL"
}

// SetPassword gives a role of the owner another password, and the right to log in.
func (d *Driver) SetPassword(ctx context.Context, op operation.Op, role string, password secret.Value, p operation.Progress) error {
	as, err := identified(password)
	if err != nil {
		return err
	}
	return d.alter(ctx, op, role, func(s *session) error {
		p.Say("setting the password of role " + role)
		return s.change(ctx, "setting the password of role "+role, "ALTER USER "+s.account(role)+" "+as+" ACCOUNT UNLOCK")
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
	return d.session(ctx, func(s *session) error {
		c, err := s.catalog(ctx)
		if err != nil {
			return err
		}
		if !c.roles[role] {
			return fault.New(fault.NotFound, "there is no role %s", role)
		}
		if err := c.marks[aRole][role].OwnedBy(op.Owner, "role "+role); err != nil {
			return err
		}
		return do(s)
	})
}

// patience is how long a session that is told to end may take.
const patience = 10 * time.Second

// shut lets no session of a role begin, and ends those that are open.
func (s *session) shut(ctx context.Context, role string) error {
	doing := "disabling role " + role
	if err := s.change(ctx, doing, "ALTER USER "+s.account(role)+" ACCOUNT LOCK"); err != nil {
		return err
	}
	until := time.Now().Add(patience)
	for {
		open, err := s.rows(ctx, doing, 1, "SELECT id FROM information_schema.processlist WHERE user = ?", role)
		if err != nil || len(open) == 0 {
			return err
		}
		if time.Now().After(until) {
			return fault.New(fault.Unavailable, "%s: a session of it does not end", doing)
		}
		for _, row := range open {
			if err := ignore(s.change(ctx, doing, "KILL "+row[0]), noThread); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}
