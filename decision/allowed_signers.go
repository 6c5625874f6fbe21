package decision

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// maxLine bounds one line of a file of keys, in bytes.
const maxLine = 1 << 20

// AllowedSigners is an OpenSSH allowed_signers file: whose key is whose. It is safe for concurrent use.
//
// The meaning is that of ssh-keygen(1), section ALLOWED SIGNERS, with these differences, all of them to the strict side:
// a line that cannot be read fails the file instead of being passed over; keys are not DSA and not RSA below 2048 bits; a
// certificate cannot stand where a key belongs; an impossible date (31 February) is an error; and a certificate with a
// critical option, or signed with SHA-1, does not count.
type AllowedSigners struct{ lines []line }

// line is one entry.
type line struct {
	number     int
	principals string // pattern list
	key        ssh.PublicKey
	options
}

// ParseAllowedSigners reads a file. An error names the line and what is wrong with it.
func ParseAllowedSigners(r io.Reader) (*AllowedSigners, error) {
	return parseAllowedSigners(r, time.Local)
}

func parseAllowedSigners(r io.Reader, zone *time.Location) (*AllowedSigners, error) {
	a := &AllowedSigners{}
	err := eachLine(r, func(number int, text string) error {
		l, err := parseLine(text, zone)
		if err != nil {
			return err
		}
		l.number = number
		a.lines = append(a.lines, l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading allowed signers: %w", err)
	}
	return a, nil
}

// eachLine calls f with every line that is neither blank nor a comment.
func eachLine(r io.Reader, f func(number int, text string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	number := 0
	for s.Scan() {
		number++
		text := strings.Trim(s.Text(), " \t\r")
		if text == "" || text[0] == '#' {
			continue
		}
		if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' }) {
			return fmt.Errorf("line %d: there is a control character in it", number)
		}
		if err := f(number, text); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("line %d: %w", number+1, err)
	}
	return nil
}

// parseLine reads "principals [options] type key [comment]".
func parseLine(text string, zone *time.Location) (line, error) {
	principals, rest, err := cutPrincipals(text)
	if err != nil {
		return line{}, err
	}
	l := line{principals: principals}
	if !startsWithKey(rest) {
		word, behind, err := cutOptions(rest)
		if err != nil {
			return line{}, err
		}
		if l.options, err = parseOptions(word, zone); err != nil {
			return line{}, err
		}
		rest = behind
	}
	if l.key, err = parseKey(rest); err != nil {
		return line{}, err
	}
	return l, nil
}

// cutPrincipals takes the first word, which may be quoted.
func cutPrincipals(text string) (principals, rest string, err error) {
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		principals, rest, ok = strings.Cut(quoted, `"`)
		if !ok {
			return "", "", errors.New("the quote before the principals is not closed")
		}
		if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
			return "", "", errors.New("there must be a blank behind the quoted principals")
		}
	} else {
		i := strings.IndexAny(text, " \t")
		if i < 0 {
			return "", "", errors.New("there is no key: expected principals, options if any, key type, key")
		}
		principals, rest = text[:i], text[i:]
		if strings.Contains(principals, `"`) {
			return "", "", errors.New("a quote must stand around all the principals")
		}
	}
	if principals == "" {
		return "", "", errors.New("the principals are empty")
	}
	for pattern := range strings.SplitSeq(principals, ",") {
		if p := strings.TrimPrefix(pattern, "!"); p == "" || len(p) >= maxPattern {
			return "", "", fmt.Errorf("the principals %q have an empty or far too long pattern", principals)
		}
	}
	return principals, strings.TrimLeft(rest, " \t"), nil
}

func startsWithKey(rest string) bool {
	word, _, _ := strings.Cut(strings.ReplaceAll(rest, "\t", " "), " ")
	return strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "ecdsa-") || strings.HasPrefix(word, "sk-")
}

// parseKey reads "type base64 [comment]" and nothing else, least of all options.
func parseKey(text string) (ssh.PublicKey, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return nil, errors.New("there is no key: expected a key type and the key in base64")
	}
	key, _, opts, _, err := ssh.ParseAuthorizedKey([]byte(fields[0] + " " + fields[1]))
	if err != nil || len(opts) > 0 {
		return nil, fmt.Errorf("the %s key cannot be read: copy the line of the .pub file as it is", fields[0])
	}
	if _, ok := certificateOf(key); ok {
		return nil, errors.New("a certificate stands where a key belongs: give the authority's key, with the option cert-authority")
	}
	if key.Type() != fields[0] {
		return nil, fmt.Errorf("the key is of type %s, not %s", key.Type(), fields[0])
	}
	return key, checkKey(key)
}

// Verify checks that the message was signed for the namespace by a key that the file gives to the principal at that
// time. It is ssh-keygen -Y verify -f FILE -I principal -n namespace -s SIGNATURE -O verify-time=at.
func (a *AllowedSigners) Verify(message []byte, armored, principal, namespace string, at time.Time) error {
	key, err := checkSignature(message, armored, namespace)
	if err != nil {
		return err
	}
	return a.allows(key, principal, namespace, at)
}

// allows looks for a line that lets the key speak for the principal. The error is that of the line that came closest.
func (a *AllowedSigners) allows(key ssh.PublicKey, principal, namespace string, at time.Time) error {
	if principal == "" {
		return errors.New("the principal is empty")
	}
	closest := fmt.Errorf("no line of the allowed signers gives the key %s to %q", Fingerprint(key), principal)
	for _, l := range a.lines {
		if !l.matches(key) {
			if l.misses(key) && matchList(principal, l.principals) {
				closest = fmt.Errorf("line %d lists the plain key %s, but the signature was made with its certificate: "+
					"sign with the key alone or list the authority", l.number, Fingerprint(key))
			}
			continue
		}
		if !matchList(principal, l.principals) {
			continue
		}
		err := l.permits(key, principal, namespace, at)
		if err == nil {
			return nil
		}
		closest = fmt.Errorf("line %d of the allowed signers: %w", l.number, err)
	}
	return closest
}

// Principals returns whom the key may speak for at that time: the names without wildcards of its lines and, for a
// certificate, the names in it that its authority's line allows. It is what ssh-keygen -Y find-principals is for.
func (a *AllowedSigners) Principals(key ssh.PublicKey, namespace string, at time.Time) []string {
	var found []string
	seen := map[string]bool{}
	for _, l := range a.lines {
		if !l.matches(key) {
			continue
		}
		for _, name := range l.candidates(key) {
			if !seen[name] && a.allows(key, name, namespace, at) == nil {
				seen[name] = true
				found = append(found, name)
			}
		}
	}
	return found
}

// Names returns the principals that the file names without wildcards, each once, in the file's order.
func (a *AllowedSigners) Names() []string {
	var names []string
	seen := map[string]bool{}
	for _, l := range a.lines {
		for name := range strings.SplitSeq(l.principals, ",") {
			if !seen[name] && !strings.ContainsAny(name, "*?") && name[0] != '!' {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// Knows reports whether a line is for the principal, whatever the times and namespaces of its key.
func (a *AllowedSigners) Knows(principal string) bool {
	return slices.ContainsFunc(a.lines, func(l line) bool { return matchList(principal, l.principals) })
}

// Size is how many keys the file has.
func (a *AllowedSigners) Size() int { return len(a.lines) }

func (l line) candidates(key ssh.PublicKey) []string {
	if cert, ok := certificateOf(key); ok {
		return cert.ValidPrincipals
	}
	var names []string
	for pattern := range strings.SplitSeq(l.principals, ",") {
		if !strings.ContainsAny(pattern, "*?") && pattern[0] != '!' {
			names = append(names, pattern)
		}
	}
	return names
}

// matches reports whether the line is about this key: the same key, or the authority that signed its certificate.
func (l line) matches(key ssh.PublicKey) bool {
	cert, ok := certificateOf(key)
	if !ok {
		return !l.authority && same(l.key, key)
	}
	return l.authority && same(l.key, cert.SignatureKey)
}

// misses reports whether the line has the key inside this certificate, which does not count but should be explained.
func (l line) misses(key ssh.PublicKey) bool {
	cert, ok := certificateOf(key)
	return ok && !l.authority && same(l.key, cert.Key)
}

func (l line) permits(key ssh.PublicKey, principal, namespace string, at time.Time) error {
	if cert, ok := certificateOf(key); ok {
		if err := checkCertificate(cert, principal, at); err != nil {
			return err
		}
	}
	return l.options.permit(namespace, at)
}

// checkCertificate is sshkey_cert_check_authority of OpenSSH, and refuses critical options too: they restrict what a
// session may do, and nothing here could keep that promise.
func checkCertificate(cert *ssh.Certificate, principal string, at time.Time) error {
	if cert.CertType != ssh.UserCert {
		return errors.New("the certificate is not a user's")
	}
	if len(cert.ValidPrincipals) == 0 {
		return errors.New("the certificate names no principals")
	}
	if at.Unix() < 0 || cert.ValidAfter > math.MaxInt64 {
		return errors.New("the certificate has no time that can be compared")
	}
	if err := checkKey(cert.SignatureKey); err != nil {
		return fmt.Errorf("the certificate's authority: %w", err)
	}
	if err := checkFormat(cert.SignatureKey, cert.Signature); err != nil {
		return fmt.Errorf("the certificate: %w", err)
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return at }}
	if err := checker.CheckCert(principal, cert); err != nil {
		return fmt.Errorf("the certificate %q: %s", cert.KeyId, strings.TrimPrefix(err.Error(), "ssh: "))
	}
	return nil
}

func same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
