package linux

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/integrations/sshx"
	"fermata/spec"
)

// wanted is a file as it should be.
type wanted struct {
	path  string
	data  []byte
	mode  fs.FileMode
	user  string
	group string // Empty: whichever the file has.
}

// files writes those that differ, and reports whether any did. before is called once, ahead of the first change.
func (m *machine) files(ctx context.Context, files []spec.File, secrets guest.Secrets, before func() error) (bool, error) {
	list := make([]wanted, 0, len(files))
	for _, f := range files {
		w, err := want(f, secrets)
		if err != nil {
			return false, err
		}
		if err := m.ownerExists(ctx, w.owner()); err != nil {
			return false, err
		}
		list = append(list, w)
	}
	changed := false
	for _, w := range list {
		same, err := m.isAsWanted(ctx, w)
		if err != nil {
			return changed, err
		}
		if same {
			continue
		}
		if !changed && before != nil {
			if err := before(); err != nil {
				return false, err
			}
		}
		changed = true
		if err := m.write(ctx, w); err != nil {
			return true, err
		}
		m.note("file " + w.path)
	}
	return changed, nil
}

func want(f spec.File, secrets guest.Secrets) (wanted, error) {
	w := wanted{path: f.Path, data: []byte(f.Content), mode: 0o644, user: spec.DefaultOwner}
	if err := checkPath(f.Path); err != nil {
		return w, err
	}
	if f.Secret != "" {
		value, ok := secrets[f.Path]
		if !ok {
			return w, fault.New(fault.Invalid, "the secret for %s was not resolved", f.Path)
		}
		w.data, w.mode = value.Reveal(), 0o600
	}
	if f.Mode != "" {
		mode, err := strconv.ParseUint(f.Mode, 8, 12)
		if err != nil || mode > 0o777 {
			return w, fault.New(fault.Invalid, "%s: expected a mode from 0000 to 0777, found %q", f.Path, f.Mode)
		}
		w.mode = fs.FileMode(mode)
	}
	if f.Owner != "" {
		if !ownerForm.MatchString(f.Owner) {
			return w, fault.New(fault.Invalid, "%s: expected the owner user or user:group, found %q", f.Path, f.Owner)
		}
		w.user, w.group, _ = strings.Cut(f.Owner, ":")
	}
	return w, nil
}

func (w wanted) owner() string {
	if w.group == "" {
		return w.user
	}
	return w.user + ":" + w.group
}

const lookScript = `if [ ! -e "$1" ]; then exit 66; fi
if [ -d "$1" ]; then echo "$1 is a folder" >&2; exit 65; fi
if [ -L "$1" ]; then echo link; exit 0; fi
sum=$(sha256sum < "$1")
stat=$(stat -c '%a %U %G' "$1")
echo "${sum%% *} $stat"
`

// isAsWanted compares on this side, so that nothing about a secret, not even its hash, is in the guest's process list.
func (m *machine) isAsWanted(ctx context.Context, w wanted) (bool, error) {
	state, err := m.fileState(ctx, w)
	return state.Same, err
}

func (m *machine) fileState(ctx context.Context, w wanted) (guest.FileState, error) {
	state := guest.FileState{Path: w.path}
	r, err := m.read(ctx, lookScript, w.path)
	switch {
	case err != nil:
		return state, fault.Wrap(fault.KindOf(err), err, "looking at "+w.path)
	case r.Exit == noInput:
		return state, nil
	case r.Exit != 0:
		return state, fault.New(fault.Invalid, "looking at %s on %s: %s", w.path, m.host.Name, r.Text())
	}
	state.Exists = true
	fields := strings.Fields(string(r.Stdout))
	if len(fields) != 4 { // A link.
		return state, nil
	}
	state.SHA256, state.Mode, state.Owner = fields[0], fields[1], fields[2]+":"+fields[3]
	sum := sha256.Sum256(w.data)
	mode, err := strconv.ParseUint(fields[1], 8, 32)
	state.Same = fields[0] == hex.EncodeToString(sum[:]) && err == nil && fs.FileMode(mode) == w.mode &&
		fields[2] == w.user && (w.group == "" || fields[3] == w.group)
	return state, nil
}

func (m *machine) write(ctx context.Context, w wanted) error {
	doing := "making the folder of " + w.path
	if err := m.must(ctx, doing, `exec mkdir -p "$1"`, path.Dir(w.path)); err != nil {
		return err
	}
	conn, err := m.conn(ctx)
	if err != nil {
		return err
	}
	return conn.WriteFile(ctx, sshx.File{
		Path: w.path, Data: w.data, Mode: w.mode, Owner: w.owner(),
		Sudo: true, Lock: lockFile, LockWait: m.access.cfg.LockWait,
	})
}

func checkPath(file string) error {
	if !pathForm.MatchString(file) || path.Clean(file) != file || file == "/" {
		return fault.New(fault.Invalid, "%q is no path of a file: expected an absolute one without \".\" and \"..\"", file)
	}
	return nil
}
