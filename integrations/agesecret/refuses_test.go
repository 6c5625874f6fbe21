package agesecret_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/agesecret"
)

func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	w := writable(t, byHand, other)
	all := slices.Clone(w.cfg.Recipients)

	w.cfg.Recipients = all[:1]
	w.Keeper = w.open(t)
	w.refuses(t, fault.Invalid, "encrypted to 2 recipients, and 1 are configured")
	w.cfg.Recipients = all[1:]
	w.Keeper = w.open(t)
	w.refuses(t, fault.Invalid, "lack the public key of the identity "+w.identity+": add "+all[0])
	w.cfg.Recipients = all
	w.Keeper = w.open(t)
	w.encrypt(t, byHand, false, stanzas{"ssh-ed25519", "piv-p256"})
	w.refuses(t, fault.Invalid, `kind "ssh-ed25519"`)
	w.encrypt(t, byHand, false, stanzas{"x-grease"})
	w.keep(t, "token", "key", "", "x")
}

// stanzas are recipients of other kinds.
type stanzas []string

func (s stanzas) Wrap([]byte) ([]*age.Stanza, error) {
	var all []*age.Stanza
	for _, kind := range s {
		all = append(all, &age.Stanza{Type: kind, Body: []byte("x")})
	}
	return all, nil
}

func TestFilesThatAreNotWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plain string
		kind  fault.Kind
		says  string
	}{
		"anchors are lost":  {"a: &x hunter2\ntoken: &x {versions: []}\nb: *x\n", fault.Invalid, "without anchors"},
		"another number":    {"token: {last: 1, versions: [{number: 2, value: hunter2}, {number: 2, value: hunter2}]}\n", fault.Invalid, "do not go up"},
		"below nothing":     {"token: {versions: [{number: -1, value: hunter2}]}\n", fault.Invalid, "do not go up"},
		"a number":          {"token: {versions: [{number: 1, value: 4711}]}\n", fault.Invalid, "put it in quotes"},
		"an empty one":      {"token: {versions: [{number: 1, value: ''}]}\n", fault.Invalid, "put it in quotes"},
		"an alias":          {"a: &x hunter2\ntoken: {versions: [{number: 1, value: *x}]}\n", fault.Invalid, "put it in quotes"},
		"another field":     {"token: {versions: [{number: 1, value: hunter2, hunter2: x}]}\n", fault.Invalid, "expected number, key and value"},
		"no number":         {"token: {versions: [{number: hunter2, value: hunter2}]}\n", fault.Invalid, "expected number, key and value"},
		"no list":           {"token: {versions: hunter2}\n", fault.Invalid, "expected last: NUMBER"},
		"no last":           {"token: {last: hunter2}\n", fault.Invalid, "expected last: NUMBER"},
		"another map":       {"token: {last: 1, hunter2: hunter2}\n", fault.Invalid, "is no text"},
		"a list":            {"- hunter2\n", fault.Invalid, "no map"},
		"two of the name":   {"token: hunter2\ntoken: hunter2\n", fault.Invalid, "twice"},
		"a version by hand": {"token: {versions: [{number: 7, value: hunter2}]}\n", fault.Conflict, `the newest is "7"`},
		"too much":          {"a: " + strings.Repeat("x", 1<<20-600) + "\n", fault.Invalid, "would hold more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := writable(t, c.plain)
			if name == "too much" {
				_, _, err := w.Keep(t.Context(), "token", "key", "", secret.NewValue(bytes.Repeat([]byte("hunter2"), 100)))
				require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
				require.ErrorContains(t, err, c.says)
				return
			}
			w.refuses(t, c.kind, c.says)
		})
	}
	w := writable(t, byHand)
	require.NoError(t, os.Mkdir(w.file+".lock", 0o700))
	w.refuses(t, fault.Unavailable, "secrets.age.lock")
}

func TestNewRefusesRecipients(t *testing.T) {
	t.Parallel()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	hybrid, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	public := key.Recipient().String()
	for says, recipients := range map[string][]string{
		"list the public keys":                  nil,
		"recipients[1]: expected one":           {public, key.String()},
		"recipients[0]: expected one public":    {public + "\n" + public},
		"recipients[0]: expected one public k":  {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJPJMGPKKI4QVkMC8C1nU8rZyP+g8jvLCQy0e3A2lmDT"},
		"recipients[0]: expected one public ke": {"# " + public},
		"recipients[0]: expected":               {""},
		"mix post-quantum":                      {public, hybrid.Recipient().String()},
	} {
		_, err := agesecret.New(agesecret.Config{File: "x", Identity: "y", Writable: true, Recipients: recipients})
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", says, err)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), key.String()[16:30])
	}
}
