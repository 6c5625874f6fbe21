package linux

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"fermata/activities/fault"
)

// Everything in an account's home folder is done as the account: it may have put a link where a file is expected, and root
// would follow it. $1 is its name; the script's own arguments follow.
const asAccount = `user=$1
shift
exec runuser -u "$user" -- sh -c '
umask 077
cd "$1" || exit 1
`

const lookKeysScript = asAccount + `
for file in .ssh/authorized_keys .ssh/authorized_keys2; do
	if [ -f "$file" ]; then sum=$(sha256sum < "$file"); echo "$file ${sum%% *}"; fi
done
' sh "$@"
`

const writeKeysScript = asAccount + `
set -eu
mkdir -p .ssh
chmod 700 .ssh
cat > .ssh/.fermata.new
size=$(wc -c < .ssh/.fermata.new)
if [ "$size" -ne "$2" ]; then rm -f .ssh/.fermata.new; echo "received $size of $2 bytes" >&2; exit 74; fi
mv -fT .ssh/.fermata.new .ssh/authorized_keys
rm -f .ssh/authorized_keys2
' sh "$@"
`

// Whoever owns a folder may give up the right to write in it, and take it back. No home folder means no keys.
const dropKeysScript = `user=$1
shift
exec runuser -u "$user" -- sh -c '
if [ ! -d "$1" ]; then exit 0; fi
if [ ! -x "$1" ]; then chmod u+rwx "$1"; fi
cd "$1" || exit 1
if [ ! -d .ssh ]; then exit 0; fi
if [ ! -w .ssh ] || [ ! -x .ssh ]; then chmod u+rwx .ssh; fi
found=no
for file in .ssh/authorized_keys .ssh/authorized_keys2; do
	if [ -e "$file" ] || [ -L "$file" ]; then found=yes; rm -f "$file" || exit 1; fi
done
if [ "$found" = yes ]; then echo removed; fi
' sh "$@"
`

// setKeys makes the keys exactly those that let the account in. OpenSSH reads two files; the second one is not used here.
func (m *machine) setKeys(ctx context.Context, now accountState, keys []string) error {
	if len(keys) == 0 {
		return m.dropKeys(ctx, now)
	}
	var text strings.Builder
	for _, key := range keys {
		text.WriteString(strings.TrimSpace(key) + "\n")
	}
	there, err := m.output(ctx, "looking at its keys", lookKeysScript, now.name, now.home)
	sum := sha256.Sum256([]byte(text.String()))
	if err != nil || there == ".ssh/authorized_keys "+hex.EncodeToString(sum[:]) {
		return err
	}
	r, err := m.change(ctx, []byte(text.String()), writeKeysScript, now.name, now.home, strconv.Itoa(text.Len()))
	switch {
	case err != nil:
		return err
	case r.Exit == incomplete:
		return fault.New(fault.Unavailable, "writing its keys: %s", r.Text())
	case r.Exit != 0:
		return fault.New(refusal(r), "writing its keys: %s", r.Text())
	}
	m.note("keys: " + strconv.Itoa(len(keys)))
	return nil
}

func (m *machine) dropKeys(ctx context.Context, now accountState) error {
	r, err := m.change(ctx, nil, dropKeysScript, now.name, now.home)
	if err != nil {
		return err
	}
	if r.Exit != 0 {
		return fault.New(refusal(r), "removing its keys: %s", r.Text())
	}
	if strings.Contains(string(r.Stdout), "removed") {
		m.note("keys removed")
	}
	return nil
}
