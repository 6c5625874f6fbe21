// Package postgresql makes databases, roles and grants in a PostgreSQL 15 or newer.
//
// The account that it works with is no superuser: it may make roles and databases (CREATEROLE, CREATEDB) and owns what it makes.
// Each database has a role of its own that cannot log in and that all its tables belong to, named "shop.owner"; roles with the
// access owner work as that role, so that two of them can take turns. Key and owner stand in comments.
//
// Passwords reach the server as SCRAM-SHA-256 verifiers that were computed here (RFC 5802, RFC 7677), in a transaction with all
// else that a role gets.
//
// Sources: PostgreSQL's documentation, chapters "Database Roles", "Client Authentication", "CREATE ROLE", "DROP OWNED", "ALTER
// DEFAULT PRIVILEGES", "pg_authid" and "The Connection Service File" of versions 15 and 16.
package postgresql

import (
	"context"
	"net"

	"github.com/jackc/pgx/v5"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/dbx"
)

// Type is the word in the configuration.
const Type = "postgresql"

// Integration opens PostgreSQL servers.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{database.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of PostgreSQL "+sys.Name)
	}
	c.CA, c.Archives = sys.Resolve(c.CA), sys.Resolve(c.Archives)
	return New(c, env.Secrets)
}

// Driver works one server. It keeps no connection between two calls.
type Driver struct {
	config  Config
	site    dbx.Site
	secrets secret.Resolver
}

var _ database.Server = (*Driver)(nil)

// New prepares the driver; it does not connect. Fault: Invalid.
func New(c Config, secrets secret.Resolver) (*Driver, error) {
	site, err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a PostgreSQL")
	}
	return &Driver{config: c, site: site, secrets: secrets}, nil
}

// Endpoint says where the server is.
func (d *Driver) Endpoint() string { return "postgresql://" + d.site.Address.String() }

// ClientEndpoint is how clients reach the server.
func (d *Driver) ClientEndpoint() database.Endpoint { return d.site.Of("postgresql") }

// login is who connects, to what, and from where.
type login struct {
	user, database string
	password       secret.Value
	to             dbx.Address
	dial           database.Dial
}

// admin is the driver's own login to a database.
func (d *Driver) admin(ctx context.Context, name string) (login, error) {
	password, err := d.secrets.Resolve(ctx, d.config.Password)
	if err != nil {
		return login{}, fault.Wrap(fault.KindOf(err), err, "connecting to PostgreSQL")
	}
	return login{user: d.config.User, database: name, password: password, to: d.site.Address, dial: new(net.Dialer).DialContext}, nil
}

// fixed keeps pgx from asking the environment and the files of the worker's account; each value is replaced.
const fixed = "host=x port=1 user=x password=x dbname=x sslmode=disable"

// connect logs in. Names in the session mean the server's own functions and tables only: who may make tables in a database
// could offer others under their names (CVE-2018-1058).
func (d *Driver) connect(ctx context.Context, l login) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(fixed)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "connecting to PostgreSQL")
	}
	c.Host, c.Port, c.User, c.Database, c.Password = l.to.Host, uint16(l.to.Port), l.user, l.database, l.password.Text() //nolint:gosec // The port was checked.
	c.TLSConfig, c.Fallbacks, c.ConnectTimeout = d.site.TLS(l.to), nil, d.config.Timeout
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return l.dial(ctx, network, address)
	}
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil } // Whoever dials looks it up.
	c.RuntimeParams = map[string]string{"application_name": "fermata", "search_path": "pg_catalog"}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, loginFault(ctx, err, l)
	}
	return conn, nil
}

// session lets use work in a database as the driver's account.
func (d *Driver) session(ctx context.Context, name string, use func(*session) error) error {
	l, err := d.admin(ctx, name)
	if err != nil {
		return err
	}
	conn, err := d.connect(ctx, l)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return use(&session{conn: conn})
}

// Close has nothing to end.
func (d *Driver) Close(context.Context) error { return nil }
