package starter

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/decision"
	"fermata/wire"
)

// export writes the signed decisions of records, so that ssh-keygen can check them with no server, and prints how.
func (s *session) export(entries []record.Entry) error {
	folder := s.c.String("envelopes")
	if folder == "" {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", folder, err)
	}
	for _, e := range entries {
		r, err := recordOf(e)
		if err != nil {
			return err
		}
		// The run becomes a file's name, so it must be what it claims to be.
		if !ulidForm.MatchString(r.Run) {
			return fault.New(fault.Invalid, "record %d names the run %q, which is no ULID: nothing is written for it", e.Sequence, r.Run)
		}
		kept, err := decisionsOf(r)
		if err != nil {
			return err
		}
		for i, d := range kept.Decisions {
			if err := s.exportOne(filepath.Join(folder, fmt.Sprintf("%s-%02d.json", r.Run, i+1)), d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) exportOne(file string, d wire.Judged) error {
	if len(d.Signed.Envelope) == 0 {
		return nil // Refused, and too large to be kept.
	}
	if err := os.WriteFile(file, d.Signed.Envelope, 0o600); err != nil {
		return fmt.Errorf("writing the envelope: %w", err)
	}
	if err := os.WriteFile(file+".sig", []byte(d.Signed.Signature), 0o600); err != nil {
		return fmt.Errorf("writing the signature: %w", err)
	}
	// The key may have expired since: what counts is whether it was good when the decision was judged. ssh-keygen reads the
	// time in the local zone. A revoked key has no time: it counts no more, whenever it signed.
	revoked := ""
	if s.cfg.Decisions.Revoked != "" {
		revoked = " -r " + quote(s.cfg.Decisions.Revoked)
	}
	s.screen.aside().raw(fmt.Sprintf("ssh-keygen -Y verify -f %s%s -I %s -n %s -O verify-time=%s -s %s < %s\n",
		quote(s.cfg.Decisions.AllowedSigners), revoked, quote(d.Verdict.Envelope.Person), decision.Namespace,
		d.Verdict.At.Local().Format("20060102150405"), quote(file+".sig"), quote(file)))
	return nil
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`)

// quote makes one word of a shell's command line, that a person copies, of text that came from elsewhere.
func quote(text string) string {
	text = line(text)
	if plainWord.MatchString(text) && !strings.HasPrefix(text, "-") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
