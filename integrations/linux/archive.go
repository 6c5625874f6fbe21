package linux

import (
	"context"
	"net/url"
	"path"
	"regexp"
	"strings"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
	"fermata/spec"
)

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// What archiveScript exits with when it is the one to say no.
const (
	otherSum  = 81
	badTar    = 83
	noCurl    = 127
	curlFails = 100 // Plus curl's own status, which is below 100.
)

// archiveState prints the checksum of the archive that a folder was unpacked from, "none" for a folder that is absent or
// empty, "foreign" for one that somebody else filled.
const archiveState = `if [ -e "$1/.fermata-archive" ]; then exec cat "$1/.fermata-archive"; fi
if [ ! -e "$1" ]; then echo none; exit 0; fi
for entry in "$1"/* "$1"/.[!.]*; do
  if [ -e "$entry" ]; then echo foreign; exit 0; fi
done
echo none
`

// archiveScript fetches, compares, unpacks beside the folder, and swaps. The address comes on standard input: it may hold
// a credential. What an interrupted attempt left is removed first; it is known by its name.
//
// $1 folder, $2 SHA-256.
const archiveScript = `set -eu
new="$1.fermata-new"; old="$1.fermata-old"; file="$1.fermata-tar"
mkdir -p "${1%/*}/"
rm -rf "$new" "$file"
trap 'rm -rf "$new" "$file"' EXIT
install -m 0600 /dev/null "$file"
curl -fsSL --proto =http,https --max-redirs 5 --connect-timeout 15 -o "$file" -K - || exit $((100 + $?))
sum=$(sha256sum < "$file")
if [ "${sum%% *}" != "$2" ]; then echo "it has the SHA-256 ${sum%% *}" >&2; exit 81; fi
mkdir -p "$new"
tar -xf "$file" -C "$new" --no-same-owner || exit 83
printf '%s\n' "$2" > "$new/.fermata-archive"
sync
rm -rf "$old"
if [ -e "$1" ]; then mv -f "$1" "$old"; fi
mv -f "$new" "$1"
rm -rf "$old"
`

func (m *machine) archive(ctx context.Context, a spec.Archive, before func() error) error {
	sum := strings.ToLower(a.SHA256)
	from, err := url.Parse(a.URL)
	if err != nil || (from.Scheme != "http" && from.Scheme != "https") || strings.ContainsAny(a.URL, "\"\\\r\n\x00") {
		return fault.New(fault.Invalid, "the archive's address is no http or https URL")
	}
	if !sumForm.MatchString(sum) {
		return fault.New(fault.Invalid, "the archive's checksum: expected 64 hex digits, found %q", a.SHA256)
	}
	if err := checkInto(a.Into); err != nil {
		return err
	}
	state, err := m.output(ctx, "looking at "+a.Into, archiveState, a.Into)
	switch {
	case err != nil:
		return err
	case state == sum:
		return nil
	case state == "foreign":
		return fault.New(fault.Conflict, "%s on %s holds files that no archive of ours brought", a.Into, m.host.Name)
	}
	if err := before(); err != nil {
		return err
	}
	m.said.Say("fetching the archive from " + from.Host)
	r, err := m.change(ctx, []byte("url = \""+a.URL+"\"\n"), archiveScript, a.Into, sum)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "unpacking the archive")
	}
	if err := archiveFault(r, from.Host, sum); err != nil {
		return err
	}
	m.note("archive " + sum[:12] + " in " + a.Into)
	return nil
}

func archiveFault(r sshx.Result, host, sum string) error {
	text := strings.ReplaceAll(r.Text(), "\n", " ")
	switch code := r.Exit; {
	case code == 0:
		return nil
	case code == otherSum:
		return fault.New(fault.Invalid, "the archive from %s is not the one expected: %s, expected %s", host, text, sum)
	case code == badTar:
		return fault.New(fault.Invalid, "the archive from %s cannot be unpacked: %s", host, text)
	case code == noCurl, code == curlFails+noCurl:
		return fault.New(fault.Invalid, "a program is missing: %s: name curl and tar among the packages", text)
	case code > curlFails:
		return curlFault(code-curlFails, host, text)
	}
	return fault.New(refusal(r), "unpacking the archive: %s", text)
}

var curlStatus = regexp.MustCompile(`returned error: ([0-9]{3})`)

// curlFault says what curl's statuses mean (curl(1), EXIT CODES).
func curlFault(code int, host, text string) error {
	kind := fault.Unavailable
	switch code {
	case 22: // The answer's status is 400 or above.
		if m := curlStatus.FindStringSubmatch(text); m != nil && m[1][0] == '4' && m[1] != "429" && m[1] != "408" {
			kind = fault.Invalid
			if m[1] == "401" || m[1] == "403" {
				kind = fault.Unauthorized
			}
		}
	case 1, 2, 3, 47, 77: // Protocol refused, curl's own trouble, malformed URL, too many redirects, no CA file.
		kind = fault.Invalid
	case 51, 60: // TLS: the server is not trusted.
		kind = fault.Unauthorized
	case 23: // Writing: the disk is full.
		kind = fault.Conflict
	}
	return fault.New(kind, "fetching the archive from %s: %s", host, text)
}

func checkInto(folder string) error {
	if !mountForm.MatchString(folder) || path.Clean(folder) != folder || path.Dir(folder) == "/" && len(folder) < 2 {
		return fault.New(fault.Invalid, "%q is no folder to unpack into: expected an absolute path", folder)
	}
	return nil
}
