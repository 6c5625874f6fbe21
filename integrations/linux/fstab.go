package linux

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

const fstab = "/etc/fstab"

// record writes the line of fstab(5).
func (v *volume) record(ctx context.Context) error {
	want := v.request.Volume
	pass := "2"
	if want.Filesystem == "xfs" {
		pass = "0" // xfs checks itself (fsck.xfs(8)).
	}
	line := fmt.Sprintf("UUID=%s %s %s defaults,nofail 0 %s # fermata %s", v.uuid, want.Mount, want.Filesystem, pass, v.op.Key)
	changed, err := v.edit(ctx, fstab, func(text string) (string, error) { return withMount(text, v.uuid, want.Mount, line) })
	if err != nil || !changed {
		return err
	}
	return v.must(ctx, "reading fstab again", `if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi`)
}

// withMount returns fstab with line in it, in the place of the one that names the UUID.
func withMount(text, uuid, mount, line string) (string, error) {
	lines := splitLines(text)
	place := -1
	for i, l := range lines {
		fields := strings.Fields(l)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		ours := strings.EqualFold(fields[0], "UUID="+uuid)
		if ours {
			place = i
		} else if fields[1] == mount {
			return "", fault.New(fault.Conflict, "fstab mounts %s at %s already", fields[0], mount)
		}
	}
	if place < 0 {
		lines = append(lines, line)
	} else {
		lines[place] = line
	}
	return strings.Join(lines, "\n") + "\n", nil
}

func splitLines(text string) []string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// edit changes a file that others write too, and reports whether it had to. A change of theirs that comes between is
// seen, and the edit begins anew.
func (m *machine) edit(ctx context.Context, path string, change func(string) (string, error)) (bool, error) {
	for attempt := 1; ; attempt++ {
		conn, err := m.conn(ctx)
		if err != nil {
			return false, err
		}
		old, err := conn.ReadFile(ctx, path, true)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return false, err
		}
		text, changeErr := change(string(old))
		if changeErr != nil {
			return false, changeErr
		}
		if err == nil && text == string(old) {
			return false, nil
		}
		file := sshx.File{
			Path: path, Data: []byte(text), Mode: 0o644, Owner: "root:root",
			Sudo: true, Lock: lockFile, LockWait: m.access.cfg.LockWait,
		}
		if err == nil {
			sum := sha256.Sum256(old)
			file.Was = hex.EncodeToString(sum[:])
		}
		if err = conn.WriteFile(ctx, file); !fault.Is(err, fault.Conflict) || attempt == 3 {
			return err == nil, err
		}
	}
}

// mountScript mounts by fstab. The owner and mode are those of the file system's root, so they are set afterwards.
//
// $1 mount point, $2 owner, $3 mode.
const mountScript = `set -eu
mkdir -p "$1"
if [ -z "$(findmnt -n -o SOURCE --mountpoint "$1")" ]; then mount "$1"; fi
if [ -n "$2" ]; then chown "$2" "$1"; fi
if [ -n "$3" ]; then chmod "$3" "$1"; fi
`

func (v *volume) mount(ctx context.Context, d *disk) error {
	want := v.request.Volume
	if ready, err := v.isReady(ctx, d); err != nil || ready {
		return err
	}
	r, err := v.change(ctx, nil, mountScript, want.Mount, want.Owner, want.Mode)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "mounting "+want.Mount)
	}
	if r.Exit != 0 {
		return fault.New(fault.Conflict, "mounting %s on %s: %s", want.Mount, v.host.Name, r.Text())
	}
	source, err := v.mounted(ctx)
	if err != nil {
		return err
	}
	if source != d.device {
		return fault.New(fault.Conflict, "%s on %s is %q, expected %s (%s)", want.Mount, v.host.Name, source, d.device, d.link)
	}
	return nil
}

// isReady reports whether the disk is mounted with the owner and mode wanted.
func (v *volume) isReady(ctx context.Context, d *disk) (bool, error) {
	want := v.request.Volume
	source, err := v.mounted(ctx)
	if err != nil || source != d.device {
		return false, err
	}
	out, err := v.output(ctx, "looking at "+want.Mount, `exec stat -c '%a %U %G' "$1"`, want.Mount)
	if err != nil {
		return false, err
	}
	fields := strings.Fields(out)
	user, group, _ := strings.Cut(want.Owner, ":")
	return len(fields) == 3 &&
		(want.Mode == "" || strings.TrimLeft(want.Mode, "0") == fields[0]) &&
		(user == "" || user == fields[1]) && (group == "" || group == fields[2]), nil
}
