package decision_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/decision"
)

func TestBadLinesAreNamed(t *testing.T) {
	t.Parallel()
	good := public(newSigner(t))
	blob := strings.Fields(good)[1]
	for name, c := range map[string]struct{ line, want string }{
		"one word":              {"alice", "there is no key"},
		"no key":                {"alice ssh-ed25519", "there is no key"},
		"no principals":         {good, "neither a key type nor followed by a key"},
		"empty principals":      {`"" ` + good, "the principals are empty"},
		"empty pattern":         {"alice,,bob " + good, "empty or far too long pattern"},
		"negated nothing":       {"alice,! " + good, "empty or far too long pattern"},
		"endless pattern":       {strings.Repeat("a", 2000) + " " + good, "empty or far too long pattern"},
		"quote inside":          {`a"li"ce ` + good, "a quote must stand around"},
		"quote open":            {`"alice ` + good, "is not closed"},
		"no blank behind quote": {`"alice"bob ` + good, "there must be a blank"},
		"unknown option":        {"alice touch-required " + good, `option "touch-required" is not known: expected cert-authority`},
		"option, no quotes":     {"alice namespaces=git " + good, "option namespaces: the value must stand in quotes"},
		"option, no value":      {"alice namespaces " + good, `option "namespaces" is not known`},
		"option, empty":         {`alice namespaces="" ` + good, "leave it out to allow every namespace"},
		"option, open":          {`alice namespaces="git ` + good, "a quote in the options is not closed"},
		"option twice":          {`alice valid-after="20260101",valid-after="20260101" ` + good, "it is there twice"},
		"option, then none":     {`alice cert-authority, ` + good, "expected a comma and another option"},
		"option, then letters":  {`alice namespaces="git"x ` + good, "expected a comma and another option"},
		"time in words":         {`alice valid-after="tomorrow" ` + good, `"tomorrow" is no time: expected YYYYMMDD`},
		"time that is none":     {`alice valid-after="20260231" ` + good, "is no time that exists"},
		"time before all":       {`alice valid-after="19700101Z" ` + good, "not after 1970"},
		"times exchanged":       {`alice valid-after="20270101",valid-before="20260101" ` + good, "valid-before is not after valid-after"},
		"key cut":               {"alice ssh-ed25519 " + blob[:20], "the ssh-ed25519 key cannot be read"},
		"key of another type":   {"alice ssh-rsa " + blob, "the ssh-rsa key cannot be read"},
		"certificate":           {"alice " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(certificate(t, newSigner(t).PublicKey())))), "a certificate stands where a key belongs"},
		"weak":                  {"alice " + public(must(ssh.NewSignerFromKey(weakKey(t)))), "1024 bits does not count"},
		"control character":     {"ali\x00ce " + good, "control character"},
		"two options":           {`alice cert-authority namespaces="git" ` + good, "key cannot be read"},
		"endless line":          {strings.Repeat("a", 2<<20), "token too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decision.ParseAllowedSigners(strings.NewReader("# people\nbob " + good + "\n" + c.line + "\n"))
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "reading allowed signers: line 3: ")
		})
	}
}

func TestRevokedListsAreRead(t *testing.T) {
	t.Parallel()
	text := "# lost\n\n" + public(newSigner(t)) + "\n" + public(must(ssh.NewSignerFromKey(weakKey(t)))) + "\n"
	_, err := decision.ParseRevoked(strings.NewReader(text))
	require.NoError(t, err, "weak keys may be revoked")
	for name, c := range map[string]struct{ text, want string }{
		"words":           {"hello", "line 1: expected a public key"},
		"with principals": {"alice " + public(newSigner(t)), "line 1: expected a public key"},
		"cut":             {"\nssh-ed25519 AAAA", "line 2: the ssh-ed25519 key cannot be read"},
	} {
		_, err := decision.ParseRevoked(strings.NewReader(c.text))
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestBinaryRevocationListsAreRefused(t *testing.T) {
	t.Parallel()
	_, err := decision.ParseRevoked(strings.NewReader("SSHKRL\n\x00\x00\x00\x00\x01"))
	require.ErrorContains(t, err, "binary revocation list")
}

// TestAMessageForTheOneWhoHasACertificate covers the most likely misunderstanding, which would otherwise look like theft.
func TestAMessageForTheOneWhoHasACertificate(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	path, key := newKeyFile(t, "")
	writePublic(t, filepath.Join(filepath.Dir(path), "id-cert.pub"), certificate(t, key.PublicKey()))
	s, err := decision.SignerFromFile(path, nil)
	require.NoError(t, err)
	c.policy.Signers = allowed(t, "alice@example.org "+public(key))
	v := c.policy.Judge(c.sign(t, s), c.gate, at)
	require.Equal(t, decision.CodeSigner, v.ReasonCode)
	require.Contains(t, v.Reason, "sign with the key alone or list the authority")
	require.NoError(t, os.Remove(path+"-cert.pub"))
	s, err = decision.SignerFromFile(path, nil)
	require.NoError(t, err)
	require.True(t, c.policy.Judge(c.sign(t, s), c.gate, at).Accepted)
}
