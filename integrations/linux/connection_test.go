package linux_test

import (
	"io"
	"io/fs"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/guest/guesttest"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/linux"
)

// entrance is a driver and the emulated machine that it enters.
func entrance(t *testing.T) (database.Entrance, *emulated, database.Client) {
	t.Helper()
	g := newEmulated(t, guesttest.Setup{}, false)
	h := g.Host()
	return g.access(t, 30*time.Second).(*linux.Access), g, database.Client{Name: h.Name, Address: h.Address, Port: h.Port, User: h.User, Keys: h.Keys}
}

var connectionFile = database.ConnectionFile{Path: "/etc/shop/db.conf", Owner: "deploy:deploy", Mode: "0600"}

const connectionText = "[shop]\npassword=fIrStPaSsWoRd0123456789\n"

func TestConnectionFileIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	e, g, c := entrance(t)
	require.NoError(t, e.WriteFile(t.Context(), operation.Op{}, c, connectionFile, secret.NewValue([]byte("old"))))
	require.NoError(t, e.WriteFile(t.Context(), operation.Op{}, c, connectionFile, secret.NewValue([]byte(connectionText))))
	content, mode, owner, err := e.ReadFile(t.Context(), c, connectionFile.Path)
	require.NoError(t, err)
	require.Equal(t, connectionText, string(content.Reveal()))
	require.Equal(t, fs.FileMode(0o600), mode)
	require.Equal(t, "deploy:deploy", owner)
	out, err := g.Root(t, "ls -A /etc/shop")
	require.NoError(t, err)
	require.Equal(t, "db.conf\n", out, "nothing else is left beside it")
	require.NoError(t, e.RemoveFile(t.Context(), operation.Op{}, c, connectionFile.Path))
	require.NoError(t, e.RemoveFile(t.Context(), operation.Op{}, c, connectionFile.Path), "none is no error")
	_, _, _, err = e.ReadFile(t.Context(), c, connectionFile.Path)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
}

func TestConnectionFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	e, g, c := entrance(t)
	for name, spoil := range map[string]func(*database.ConnectionFile){
		"a relative path": func(f *database.ConnectionFile) { f.Path = "etc/db" }, "a path that leads up": func(f *database.ConnectionFile) { f.Path = "/etc/../db" },
		"no folder": func(f *database.ConnectionFile) { f.Path = "/db" }, "a newline": func(f *database.ConnectionFile) { f.Path = "/etc/a\nb" },
		"a mode for all": func(f *database.ConnectionFile) { f.Mode = "0644" }, "no mode": func(f *database.ConnectionFile) { f.Mode = "" },
		"no owner": func(f *database.ConnectionFile) { f.Owner = "" }, "an owner that is none": func(f *database.ConnectionFile) { f.Owner = "a b" },
		"an owner who is not there": func(f *database.ConnectionFile) { f.Owner = "nobody-here" },
	} {
		f := connectionFile
		spoil(&f)
		err := e.WriteFile(t.Context(), operation.Op{}, c, f, secret.NewValue([]byte(connectionText)))
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", name, err)
		require.NotContains(t, err.Error(), "fIrSt")
	}
	_, err := g.Root(t, "mkdir -p /etc/shop; printf secret > /etc/real; ln -s /etc/real /etc/shop/link")
	require.NoError(t, err)
	for _, path := range []string{"/etc/shop", "/etc/shop/link", "relative"} {
		_, _, _, err = e.ReadFile(t.Context(), c, path)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", path, err)
	}
	require.Equal(t, fault.Invalid, fault.KindOf(e.RemoveFile(t.Context(), operation.Op{}, c, "../x")))
}

// TestThroughAGuest: the connection comes from the guest's own address, and what cannot be reached from there is not.
func TestThroughAGuest(t *testing.T) {
	t.Parallel()
	e, g, c := entrance(t)
	at := netip.MustParseAddrPort("10.20.0.9:5432")
	listener, err := g.estate.Listen(at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	from := make(chan net.Addr, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			from <- conn.RemoteAddr()
			_, _ = conn.Write([]byte("hello"))
			_ = conn.Close()
		}
	}()
	err = e.Through(t.Context(), c, func(dial database.Dial) error {
		conn, err := dial(t.Context(), "tcp", at.String())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		text, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, "hello", string(text))
		_, err = dial(t.Context(), "tcp", "10.20.0.9:1")
		return err
	})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	seen := <-from
	require.Contains(t, seen.String(), guestAddress.String()+":")
	g.SetDown(true)
	err = e.Through(t.Context(), c, func(dial database.Dial) error {
		_, err := dial(t.Context(), "tcp", at.String())
		return err
	})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
}
