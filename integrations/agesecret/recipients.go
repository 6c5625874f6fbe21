package agesecret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"fermata/activities/fault"
)

// parseRecipients reads the public keys that the file is encrypted to when it is written. Plugins and SSH keys are not among
// them. What is no public key is not repeated: it may be a private one.
func parseRecipients(keys []string) ([]age.Recipient, error) {
	if len(keys) == 0 {
		return nil, errors.New("recipients: who writes the file encrypts it anew, and must know to whom: list the public keys (age-keygen -y) of all who read it")
	}
	var all []age.Recipient
	for i, key := range keys {
		found, err := age.ParseRecipients(strings.NewReader(key))
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("recipients[%d]: expected one public key of age such as age1... (no SSH key, no plugin)", i)
		}
		all = append(all, found...)
	}
	if err := encrypt(io.Discard, nil, false, all); err != nil {
		return nil, fmt.Errorf("recipients: %w", err) // Post-quantum keys and others cannot be mixed.
	}
	return all, nil
}

func encrypt(out io.Writer, plain []byte, armoured bool, recipients []age.Recipient) error {
	closers := []io.Closer{}
	if armoured {
		a := armor.NewWriter(out)
		out, closers = a, append(closers, a)
	}
	w, err := age.Encrypt(out, recipients...)
	if err != nil {
		return err
	}
	_, err = w.Write(plain)
	for _, c := range append([]io.Closer{w}, closers...) {
		err = errors.Join(err, c.Close())
	}
	return err
}

// safe refuses to write where somebody who can read the file now could not any more: the worker itself, or another.
func (k keeper) safe(file sealed, identities []age.Identity) error {
	own := publicKeys(identities)
	if !slices.ContainsFunc(own, func(key string) bool { return slices.Contains(k.cfg.Recipients, key) }) {
		return fault.New(fault.Invalid, "the recipients lack the public key of the identity %s: add %s", k.cfg.Identity, strings.Join(own, " or "))
	}
	header, err := age.ExtractHeader(file.reader())
	if err != nil {
		return fault.New(fault.Invalid, "%s is no age file", k.cfg.File)
	}
	readers := 0
	for _, line := range bytes.Split(header, []byte("\n")) {
		stanza, ok := bytes.CutPrefix(line, []byte("-> "))
		kind, _, _ := strings.Cut(string(stanza), " ")
		switch {
		case !ok || strings.HasSuffix(kind, "-grease"): // Grease is nobody's: some write it to keep readers tolerant.
		case kind == "X25519" || kind == "mlkem768x25519":
			readers++
		default:
			return fault.New(fault.Invalid, "%s is encrypted to a recipient of the kind %.40q, too, which cannot be written: encrypt it to keys of age-keygen only", k.cfg.File, kind)
		}
	}
	if readers > len(k.recipients) {
		return fault.New(fault.Invalid, "%s is encrypted to %d recipients, and %d are configured: somebody could not read it any more; list them all", k.cfg.File, readers, len(k.recipients))
	}
	return nil
}

// publicKeys of the identities, of the kinds that age.ParseIdentities knows.
func publicKeys(identities []age.Identity) []string {
	var keys []string
	for _, identity := range identities {
		switch i := identity.(type) {
		case *age.X25519Identity:
			keys = append(keys, i.Recipient().String())
		case *age.HybridIdentity:
			keys = append(keys, i.Recipient().String())
		}
	}
	return keys
}
