package sshx

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"time"

	"fermata/activities/fault"
)

// File is a file to write.
type File struct {
	Path string // Absolute.
	Data []byte
	Mode fs.FileMode // Permission bits.
	// Owner is "user" or "user:group"; empty: who writes it.
	Owner string
	// Was is the SHA-256, in hex, of the content that is replaced; empty: whatever is there. It turns reading, changing
	// and writing a shared file into one step, if every writer holds the same Lock.
	Was  string
	Sudo bool
	// Lock and LockWait are those of Command.
	Lock     string
	LockWait time.Duration
}

// writeScript makes a file of its own, closed to others from the start, and renames it into place only if all of the
// content has arrived: a connection that breaks looks like the end of the input.
const writeScript = `set -eu
if [ -d "$1" ]; then echo "$1 is a folder" >&2; exit 65; fi
trap 'rm -f -- "$2"' EXIT
install -m 0600 /dev/null "$2"
cat > "$2"
size=$(wc -c < "$2")
if [ "$size" -ne "$3" ]; then echo "received $size of $3 bytes" >&2; exit 74; fi
if [ -n "$6" ]; then
  now=$(sha256sum < "$1")
  if [ "${now%% *}" != "$6" ]; then echo "$1 was changed meanwhile" >&2; exit 73; fi
fi
if [ -n "$5" ]; then chown "$5" "$2"; fi
chmod "$4" "$2"
mv -f "$2" "$1"
`

// What writeScript exits with; EX_CANTCREAT and EX_IOERR of sysexits.h.
const (
	changed    = 73
	incomplete = 74
)

// WriteFile puts a file in place by a rename in its folder, which must exist. The content travels on standard input.
// Faults: those of
// Run; Conflict if the file is not what it Was; Invalid if the host cannot write it (no folder, no such owner).
func (c *Conn) WriteFile(ctx context.Context, f File) error {
	if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path {
		return fault.New(fault.Invalid, "writing %q: expected an absolute path without \".\" or \"..\"", f.Path)
	}
	temp := path.Join(path.Dir(f.Path), ".fermata-"+randomName())
	result, err := c.Run(ctx, Command{
		Script: writeScript,
		Args:   []string{f.Path, temp, strconv.Itoa(len(f.Data)), fmt.Sprintf("%04o", f.Mode.Perm()), f.Owner, f.Was},
		Stdin:  bytes.NewReader(f.Data), Sudo: f.Sudo, Lock: f.Lock, LockWait: f.LockWait,
	})
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "writing "+f.Path)
	}
	switch result.Exit {
	case 0:
		return nil
	case changed:
		return fault.New(fault.Conflict, "writing %s on %s: somebody else changed it meanwhile", f.Path, c.target.Address)
	case incomplete:
		return fault.New(fault.Unavailable, "writing %s on %s: %s", f.Path, c.target.Address, result.Text())
	}
	return fault.New(fault.Invalid, "writing %s on %s: %s", f.Path, c.target.Address, result.Text())
}

// missing is what readScript exits with if there is no file; EX_NOINPUT of sysexits.h.
const missing = 66

const readScript = `if [ ! -e "$1" ]; then exit 66; fi
exec cat "$1"
`

// ReadFile returns a file of at most OutputLimit bytes. Faults: those of Run; NotFound; Invalid if it cannot be read or
// is too long.
func (c *Conn) ReadFile(ctx context.Context, name string, sudo bool) ([]byte, error) {
	result, err := c.Run(ctx, Command{Script: readScript, Args: []string{name}, Sudo: sudo})
	switch {
	case err != nil:
		return nil, fault.Wrap(fault.KindOf(err), err, "reading "+name)
	case result.Exit == missing:
		return nil, fault.New(fault.NotFound, "reading %s on %s: there is no such file", name, c.target.Address)
	case result.Exit != 0:
		return nil, fault.New(fault.Invalid, "reading %s on %s: %s", name, c.target.Address, result.Text())
	case result.Truncated:
		return nil, fault.New(fault.Invalid, "reading %s on %s: it is longer than %d bytes", name, c.target.Address, OutputLimit)
	}
	return result.Stdout, nil
}

func randomName() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // It never fails (crypto/rand).
	return hex.EncodeToString(b[:])
}
