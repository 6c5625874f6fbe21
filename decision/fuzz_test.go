package decision

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

const someKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBrf9oW5Bd7rBu9gTJ0CMqHKXhMrVJ3VXvcFPnxPc3Dq"

// FuzzParse looks for bytes that Parse takes although they are not the only way to write the envelope.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"cluster":"c","command":"approve","expires":"2026-06-01T13:00:00Z","gate":"g","hash":"sha256:` +
		strings.Repeat("0", 64) + `","issued":"2026-06-01T12:00:00Z","namespace":"n","nonce":"x","person":"p","run":"r",` +
		`"version":1,"workflow_id":"w"}`))
	f.Add([]byte(`{"command":"retry","step":"s","reason":"\u2028"}`))
	f.Add([]byte(`{"version":1,"version":1}`))
	f.Add([]byte(`{}{}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse(b)
		if err != nil {
			return
		}
		again, err := e.Canonical()
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%q was read, but is written %q (%v)", b, again, err)
		}
		if e.ID() != identify(b) {
			t.Fatalf("the id of %q depends on who computes it", b)
		}
	})
}

// FuzzAllowedSigners looks for files that stop the parser, or give a key to somebody though no line names it.
func FuzzAllowedSigners(f *testing.F) {
	for _, q := range questions() {
		f.Add(regexp.MustCompile(`\{\w+\}`).ReplaceAllString(q.file, someKey), "alice")
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(someKey))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file, principal string) {
		a, err := ParseAllowedSigners(strings.NewReader(file))
		if err != nil {
			if !strings.Contains(err.Error(), "line ") {
				t.Fatalf("%v names no line", err)
			}
			return
		}
		at := time.Unix(1780000000, 0)
		a.Principals(key, Namespace, at)
		if a.allows(key, principal, Namespace, at) != nil {
			return
		}
		blob := strings.Fields(someKey)[1]
		for text := range strings.SplitSeq(file, "\n") {
			if strings.Contains(text, blob) && !strings.HasPrefix(strings.TrimSpace(text), "#") {
				return
			}
		}
		t.Fatalf("%q gives the key to %q", file, principal)
	})
}

// FuzzSignature looks for signatures that stop the reader.
func FuzzSignature(f *testing.F) {
	f.Add(armorBegin + "\nU1NIU0lHAAAAAQ==\n" + armorEnd + "\n")
	f.Add(armorBegin + "\n" + armorEnd)
	f.Fuzz(func(t *testing.T, armored string) {
		if _, err := checkSignature([]byte("x"), armored, Namespace); err == nil {
			t.Fatalf("%q is a signature of x", armored)
		}
	})
}

// FuzzPattern compares the matcher with regular expressions.
func FuzzPattern(f *testing.F) {
	f.Add("alice", "a*e")
	f.Add("alice@example.org", "*@example.???")
	f.Add("aaaaaaaa", "*a*a*a*b")
	f.Add("", "**")
	f.Fuzz(func(t *testing.T, s, pattern string) {
		if strings.ContainsFunc(s+pattern, func(r rune) bool { return r < ' ' || r > '~' }) {
			return // an expression would count letters where OpenSSH counts bytes
		}
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		if want := regexp.MustCompile("^" + expression + "$").MatchString(s); matchPattern(s, pattern) != want {
			t.Fatalf("matching %q with %q: %v is wrong", s, pattern, !want)
		}
	})
}
