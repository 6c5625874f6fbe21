package estate

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/mysql"
)

// DatabaseName is what clients in the estate call the database server. DatabaseUser makes databases and roles in it.
const (
	DatabaseName = "db-01.estate.test"
	DatabaseUser = "fermata"

	databasePort = 3306
)

// DatabaseAddress is where clients in the estate reach the database server.
var DatabaseAddress = netip.MustParseAddr("10.10.0.20")

// startDatabase starts a MySQL-compatible server, which workers reach on loopback and clients in the estate's network.
func (e *Estate) startDatabase(context.Context) error {
	if e.o.DatabasePassword == "" {
		return nil
	}
	folder, err := e.folder(Database)
	if err != nil {
		return err
	}
	security, err := certificate.Of(folder, "MySQL", DatabaseName)
	if err != nil {
		return err
	}
	e.Database, err = mysql.Start(mysql.Options{
		Folder: folder, Listen: before(folder), TLS: security, AdminUser: DatabaseUser, AdminPassword: e.o.DatabasePassword, Log: statements{e},
	})
	if err != nil {
		return err
	}
	e.onClose(e.Database.Close)
	e.Network.SetName(DatabaseName, DatabaseAddress)
	inside, err := e.Network.Listen(netip.AddrPortFrom(DatabaseAddress, databasePort))
	if err != nil {
		return err
	}
	e.onClose(inside.Close)
	go e.serveDatabase(inside)
	return remember(folder, e.Database.Address())
}

func (e *Estate) serveDatabase(inside net.Listener) {
	for {
		conn, err := inside.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			if far, err := net.Dial("tcp", e.Database.Address()); err == nil { //nolint:noctx // Ends with the estate.
				relay(conn, far)
			}
		}()
	}
}

// statements is the database server's log.
type statements struct{ e *Estate }

func (s statements) Write(line []byte) (int, error) {
	s.e.o.Log.Debug("database", "statement", strings.TrimSpace(string(line)))
	return len(line), nil
}

// DatabaseCA is the certificate of the database server, which clients trust.
func (e *Estate) DatabaseCA() string { return certificate.File(filepath.Join(e.o.Folder, Database)) }

// DatabaseEndpoint is where clients in the estate reach the database server.
func DatabaseEndpoint() string { return net.JoinHostPort(DatabaseName, "3306") }
