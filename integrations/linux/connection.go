package linux

import (
	"bytes"
	"context"
	"io/fs"
	"net"
	"strconv"
	"strings"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// Guests that connect to databases are entered as all others are.
var _ database.Entrance = (*Access)(nil)

func (a *Access) client(c database.Client) *machine {
	return a.machine(guest.Host{Name: c.Name, Address: c.Address, Port: c.Port, User: c.User, Keys: c.Keys}, &operation.Memory{})
}

// WriteFile writes a connection file by a rename in its folder, which is made if it is not there.
func (a *Access) WriteFile(ctx context.Context, _ operation.Op, c database.Client, f database.ConnectionFile, content secret.Value) error {
	if err := f.Check(); err != nil {
		return err
	}
	mode, err := strconv.ParseUint(f.Mode, 8, 12)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "reading the mode of "+f.Path)
	}
	m := a.client(c)
	if err := m.ownerExists(ctx, f.Owner); err != nil {
		return err
	}
	w := wanted{path: f.Path, data: content.Reveal(), mode: fs.FileMode(mode)}
	w.user, w.group, _ = strings.Cut(f.Owner, ":")
	return m.write(ctx, w)
}

// contentScript prints how a file is, on a line of its own, and what is in it.
const contentScript = `if [ ! -e "$1" ]; then exit 66; fi
if [ -L "$1" ] || [ ! -f "$1" ]; then echo "$1 is no plain file" >&2; exit 65; fi
stat -c '%a %U:%G' "$1" || exit 65
exec cat "$1"
`

// ReadFile returns a connection file. What the guest printed is told to nobody: a password is in it.
func (a *Access) ReadFile(ctx context.Context, c database.Client, file string) (content secret.Value, mode fs.FileMode, owner string, err error) {
	if err := checkPath(file); err != nil {
		return secret.Value{}, 0, "", err
	}
	r, err := a.client(c).read(ctx, contentScript, file)
	switch {
	case err != nil:
		return secret.Value{}, 0, "", fault.Wrap(fault.KindOf(err), err, "reading "+file)
	case r.Exit == noInput:
		return secret.Value{}, 0, "", fault.New(fault.NotFound, "reading %s on %s: there is no such file", file, c.Name)
	case r.Exit != 0 || r.Truncated:
		return secret.Value{}, 0, "", fault.New(fault.Invalid, "reading %s on %s: %s", file, c.Name, strings.TrimSpace(string(r.Stderr)))
	}
	state, rest, _ := bytes.Cut(r.Stdout, []byte("\n"))
	bits, owner, found := strings.Cut(string(state), " ")
	number, err := strconv.ParseUint(bits, 8, 12)
	if err != nil || !found {
		return secret.Value{}, 0, "", fault.New(fault.Invalid, "reading %s on %s: its mode and owner are not understood", file, c.Name)
	}
	return secret.NewValue(rest), fs.FileMode(number), owner, nil
}

// RemoveFile removes a connection file.
func (a *Access) RemoveFile(ctx context.Context, _ operation.Op, c database.Client, file string) error {
	if err := checkPath(file); err != nil {
		return err
	}
	return a.client(c).must(ctx, "removing "+file, `exec rm -f -- "$1"`, file)
}

// Through has connections come from the guest itself, which looks names up, too.
func (a *Access) Through(ctx context.Context, c database.Client, use func(database.Dial) error) error {
	conn, err := a.client(c).conn(ctx)
	if err != nil {
		return err
	}
	return use(func(ctx context.Context, network, address string) (net.Conn, error) {
		return conn.Dial(ctx, network, address)
	})
}
