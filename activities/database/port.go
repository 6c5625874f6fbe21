// Package database makes databases, roles and grants in database servers that exist already, and gives roles their passwords.
//
// A server implements the ports in this file. What changes something is an ensure, as everywhere: what op's key made is
// adopted, what exists under another key is a Conflict. Databases and roles carry the key and the owner where the server has
// room for it (a comment), else in a table of Fermata's own on that server.
//
// Passwords are generated inside an activity, kept in a secret store under the operation's key first, and given to the server
// as a verifier that was computed here: no statement, and so no log of the server, ever holds one.
package database

import (
	"context"
	"io/fs"
	"net"

	"fermata/activities/operation"
	"fermata/activities/secret"
)

// Access is what a role may do in its database. There is no grant beyond the one database.
type Access string

// What a role may do, the least first.
const (
	ReadOnly  Access = "readonly"  // Read all tables, also those that are made later.
	ReadWrite Access = "readwrite" // Read and change rows of all tables; no tables are made.
	Owner     Access = "owner"     // Make, change and drop tables of the database, too.
)

// Database is a database as it is asked for.
type Database struct {
	Name string `json:"name"` // Lower case letters, digits and underscores, at most 63.
}

// Role is a login of a database server, and what it may do.
type Role struct {
	Name     string `json:"name"`     // Lower case letters, digits and underscores, at most 32 (MariaDB and MySQL take no more).
	Database string `json:"database"` // The one that it may connect to.
	Access   Access `json:"access"`
}

// Found is what a server holds of an owner, or under the names that were asked for.
type Found struct {
	Databases []Held `json:"databases,omitempty"`
	Roles     []Held `json:"roles,omitempty"`
}

// Held is a database or role as the server holds it.
type Held struct {
	Name  string          `json:"name"`
	Key   string          `json:"key,omitempty"`   // Operation key; empty: not made by Fermata.
	Owner operation.Owner `json:"owner,omitempty"` // Empty: not made by Fermata.
}

// Endpoint is how clients reach the server, for connection files.
type Endpoint struct {
	Engine string `json:"engine"` // postgresql or mysql.
	Host   string `json:"host"`
	Port   int    `json:"port"`
	CA     string `json:"ca,omitempty"` // Certificates to trust, PEM; empty: the connection is not encrypted, which only loopback is allowed.
}

// Reader tells what is there. It changes nothing.
type Reader interface {
	// Check proves that the server answers, the credential is good and may make roles and databases.
	// Faults: Unauthorized, Unavailable.
	Check(ctx context.Context) error
	// ClientEndpoint is how clients reach the server. (What an integration calls its Endpoint is a text for people.)
	ClientEndpoint() Endpoint
	// Find returns the databases and roles of those names, whoever made them, and those of the owner.
	Find(ctx context.Context, names []string, owner operation.Owner) (Found, error)
}

// Editor changes databases and roles.
type Editor interface {
	// EnsureDatabase makes the database. Nobody but its roles may connect to it: what the server grants to everybody is taken
	// away. Conflict: it exists under another key, or was not made by Fermata.
	EnsureDatabase(ctx context.Context, op operation.Op, d Database, p operation.Progress) error
	// RemoveDatabase drops the database that carries op.Key, with all that is in it. None is no error. Conflict: it holds tables
	// that were not there when op made it: what others put there is not dropped with an undo.
	RemoveDatabase(ctx context.Context, op operation.Op, d Database, p operation.Progress) error
	// EnsureRole makes the role with the password, and grants it what its access says and nothing else. A role that op made
	// is given this password. Conflict: it exists under another key.
	EnsureRole(ctx context.Context, op operation.Op, r Role, password secret.Value, p operation.Progress) error
	// SetPassword gives a role of op.Owner another password. Conflict: the role is another's. NotFound: there is none.
	SetPassword(ctx context.Context, op operation.Op, role string, password secret.Value, p operation.Progress) error
	// DisableRole takes a role of op.Owner the right to log in, and ends its sessions. EnsureRole and SetPassword give it back.
	DisableRole(ctx context.Context, op operation.Op, role string, p operation.Progress) error
	// RemoveRole removes the role that carries op.Key, and ends its sessions. What it owns goes to the database's owner.
	// None is no error.
	RemoveRole(ctx context.Context, op operation.Op, r Role, p operation.Progress) error
	// RemoveOwned drops the databases named in drop and all roles of op.Owner. Databases that are not named stay, without roles.
	RemoveOwned(ctx context.Context, op operation.Op, drop []string, p operation.Progress) (Found, error)
}

// Dial connects to host:port.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Credentials are what a client's connection file holds.
type Credentials struct {
	Role     string
	Database string
	Password secret.Value
}

// Prover connects as a client would. It changes nothing that stays.
type Prover interface {
	// Prove connects with the server's own client protocol through dial, does one thing that the access allows and asks for one
	// that it does not, which must be refused. It returns what was seen, a line each. Faults: Unauthorized for a login that is
	// refused, Unavailable for a server that is not reached, Invalid for a role that may do too much.
	Prove(ctx context.Context, dial Dial, c Credentials, a Access) ([]string, error)
	// Dump writes all that a database holds to a file of the worker's own folder for archives and returns its path, its size in
	// bytes and its SHA-256. A dump that op wrote is kept. Faults: Invalid where no folder is configured.
	Dump(ctx context.Context, op operation.Op, d Database, p operation.Progress) (Archive, error)
}

// Archive is a dump of a database.
type Archive struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Files knows the file that the server's own clients read how to connect from.
type Files interface {
	// Render writes the file: where the server is, the role, its database and its password. ca is the path of the file on the
	// client's machine that holds ClientEndpoint's CA; empty where there is none.
	Render(c Credentials, ca string) (secret.Value, error)
	// Parse reads what Render wrote. Invalid: it is no such file. Conflict: it leads elsewhere than to this server, or trusts
	// others than ca.
	Parse(content secret.Value, ca string) (Credentials, error)
}

// Server is what a database server offers.
type Server interface {
	Reader
	Editor
	Prover
	Files
}

// Client is the machine that a role's connections come from.
type Client struct {
	Name    string   `json:"name"`
	Address string   `json:"address"`
	Port    int      `json:"port"`
	User    string   `json:"user"`
	Keys    []string `json:"keys,omitempty"` // Host keys to trust, authorized_keys form; empty: a host certificate.
}

// ConnectionFile is the file that an application reads how to connect from.
type ConnectionFile struct {
	Path  string `json:"path"`
	Owner string `json:"owner"` // "user" or "user:group".
	Mode  string `json:"mode"`  // Octal; others read nothing: 0400, 0600, 0440 or 0640.
}

// Entrance leads into machines that connect to databases. It is a port of its own: who reaches machines is not who keeps
// databases.
type Entrance interface {
	// WriteFile puts the content into the file, whole or not at all. It reaches the machine on standard input only.
	WriteFile(ctx context.Context, op operation.Op, c Client, f ConnectionFile, content secret.Value) error
	// ReadFile returns the content, the mode and the owner of the file. NotFound: there is none.
	ReadFile(ctx context.Context, c Client, path string) (content secret.Value, mode fs.FileMode, owner string, err error)
	// RemoveFile removes the file. None is no error.
	RemoveFile(ctx context.Context, op operation.Op, c Client, path string) error
	// Through calls use with a Dial whose connections come from the machine itself (direct-tcpip, RFC 4254, section 7.2).
	Through(ctx context.Context, c Client, use func(Dial) error) error
}
