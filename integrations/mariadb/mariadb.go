// Package mariadb makes databases, roles and grants in a MariaDB 10.5 or newer, or in a MySQL 8.
//
// A role is an account, 'shop_app'@'%'. These servers have no room for a mark beside a database or an account, so key and owner
// stand in a table of Fermata's own on the server, fermata.objects: a row is written before an object is made and removed after
// it is gone, and its primary key keeps two runs apart. Nothing here is in a transaction: each statement can be done again.
//
// Passwords reach the server as what mysql_native_password keeps of them, computed here: SHA-1 of the SHA-1.
//
// Sources: MariaDB's documentation, pages "CREATE USER", "ALTER USER", "GRANT", "REVOKE", "Authentication Plugin -
// mysql_native_password" and "Configuring MariaDB with Option Files"; MySQL 8.0's manual, sections 6.2 and 13.7.1.
package mariadb

import (
	"context"
	"database/sql"
	"net"

	"github.com/go-sql-driver/mysql"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/dbx"
)

// Type is the word in the configuration.
const Type = "mariadb"

// Integration opens MariaDB and MySQL servers.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{database.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of MariaDB "+sys.Name)
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
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a MariaDB")
	}
	return &Driver{config: c, site: site, secrets: secrets}, nil
}

// Endpoint says where the server is.
func (d *Driver) Endpoint() string { return "mysql://" + d.site.Address.String() }

// ClientEndpoint is how clients reach the server.
func (d *Driver) ClientEndpoint() database.Endpoint { return d.site.Of("mysql") }

// Close has nothing to end.
func (d *Driver) Close(context.Context) error { return nil }

// login is who connects, to what, and from where.
type login struct {
	user, database string
	password       secret.Value
	to             dbx.Address
	dial           database.Dial
}

// connect logs in. close ends the connection.
func (d *Driver) connect(ctx context.Context, l login) (s *session, end func(), err error) {
	doing := "logging in to MariaDB at " + l.to.String() + " as " + l.user
	if err := ctx.Err(); err != nil {
		return nil, nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = l.user, l.password.Text(), "tcp", l.to.String(), l.database
	c.TLS, c.Timeout, c.InterpolateParams, c.Logger = d.site.TLS(l.to), d.config.Timeout, true, &mysql.NopLogger{}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return l.dial(ctx, network, address)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, err, doing)
	}
	db := sql.OpenDB(connector)
	within, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	conn, err := db.Conn(within)
	if err != nil {
		_ = db.Close()
		return nil, nil, loginFault(err, doing)
	}
	return &session{conn: conn, hosts: d.config.Hosts}, func() { _ = conn.Close(); _ = db.Close() }, nil
}

// session lets use work as the driver's account.
func (d *Driver) session(ctx context.Context, use func(*session) error) error {
	password, err := d.secrets.Resolve(ctx, d.config.Password)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "connecting to MariaDB")
	}
	s, end, err := d.connect(ctx, login{user: d.config.User, password: password, to: d.site.Address, dial: new(net.Dialer).DialContext})
	if err != nil {
		return err
	}
	defer end()
	return use(s)
}
