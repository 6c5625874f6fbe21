// Package mysql is a MySQL-compatible server in the process: github.com/dolthub/go-mysql-server, whose protocol, SQL and
// enforcement of rights are the engine's own.
//
// What the engine lacks of what a driver says is added in statement.go: locking accounts, taking all rights from one, escaped
// underscores in grants, and the numbers of MySQL's errors. Users, databases, tables and rows are kept in a folder; views,
// triggers and routines are not. The administrator of the options is let in anew at each start, and may do everything.
package mysql

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	vitess "github.com/dolthub/vitess/go/mysql"
	"github.com/sirupsen/logrus"

	"fermata/sandbox/keep"
)

// Options describe a server.
type Options struct {
	// Folder keeps the state. It is made if missing.
	Folder string
	// Listen is the address; empty: 127.0.0.1 with a free port.
	Listen string
	// TLS lets clients ask for encryption, as sandbox/estate/certificate makes it; nil: there is none.
	TLS *tls.Config
	// AdminUser may do everything, with the AdminPassword of 16 characters or more.
	AdminUser, AdminPassword string
	// Log gets every statement as it was said, a line each; nil: none is logged.
	Log io.Writer
}

// Server is a running server.
type Server struct {
	options  Options
	listener net.Listener
	engine   *sqle.Engine
	provider *memory.DbProvider
	server   *server.Server
	served   chan error
}

// Start reads the state and serves until Close.
func Start(options Options) (*Server, error) {
	s := &Server{options: options, served: make(chan error, 1)}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("starting MySQL: %w", err)
	}
	return s, nil
}

func (s *Server) start() error {
	if s.options.Folder == "" || s.options.AdminUser == "" || len(s.options.AdminPassword) < 16 {
		return errors.New("a folder, an administrator and a password of 16 characters are needed")
	}
	if err := os.MkdirAll(s.options.Folder, 0o700); err != nil {
		return err
	}
	logrus.SetLevel(logrus.FatalLevel) // The engine tells each connection to the process's standard error.
	s.provider = memory.NewDBProvider()
	s.engine = sqle.NewDefault(s.provider)
	if err := s.readAccounts(); err != nil {
		return err
	}
	if err := s.readTables(); err != nil {
		return err
	}
	return s.listen()
}

func (s *Server) listen() error {
	address := s.options.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	var err error
	if s.listener, err = net.Listen("tcp", address); err != nil {
		return err
	}
	s.server, err = server.NewServerWithHandler(server.Config{
		Protocol: "tcp", Listener: s.listener, Version: "8.0.31", TLSConfig: s.options.TLS, DisableClientMultiStatements: true, MaxLoggedQueryLen: -1,
		ProtocolListenerFactory: func(c server.Config, l vitess.ListenerConfig, events server.ServerEventListener) (server.ProtocolListener, error) {
			l.AuthServer = logins{l.AuthServer}
			return server.MySQLProtocolListenerFactory(c, l, events)
		},
	}, s.engine, sql.NewContext, memory.NewSessionBuilder(s.provider), nil, func(h vitess.Handler) (vitess.Handler, error) {
		return &handler{Handler: h, server: s}, nil
	})
	if err != nil {
		return errors.Join(err, s.listener.Close())
	}
	go func() { s.served <- s.server.Start() }()
	return nil
}

// accounts is MySQL's own: who may log in, and do what.
func (s *Server) accounts() *mysql_db.MySQLDb { return s.engine.Analyzer.Catalog.MySQLDb }

func (s *Server) path(name string) string { return filepath.Join(s.options.Folder, name) }

// Address is host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// readAccounts reads the accounts of before, and lets the administrator in.
func (s *Server) readAccounts() error {
	data, err := os.ReadFile(s.path("accounts"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	accounts := s.accounts()
	accounts.SetEnabled(true)
	accounts.SetPersister(accountsFile(s.path("accounts")))
	if err := accounts.LoadData(sql.NewEmptyContext(), data); err != nil {
		return fmt.Errorf("reading %s: %w: remove it to begin anew", s.path("accounts"), err)
	}
	editor := accounts.Editor()
	defer editor.Close()
	accounts.AddEphemeralSuperUser(editor, s.options.AdminUser, "%", s.options.AdminPassword)
	return nil
}

// accountsFile is where the engine writes accounts to, in its own form, before it answers.
type accountsFile string

// Persist writes the accounts.
func (f accountsFile) Persist(_ *sql.Context, data []byte) error {
	return keep.Replace(string(f), data)
}

// Close ends the server.
func (s *Server) Close() error {
	err := errors.Join(s.server.Close(), <-s.served)
	if closing := s.engine.Close(); !errors.Is(closing, context.Canceled) { // Its own, of what it did in the background.
		err = errors.Join(err, closing)
	}
	return err
}
