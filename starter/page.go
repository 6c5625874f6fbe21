package starter

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/build"
	"fermata/client/story"
	"fermata/decision"
)

//go:embed page.html
var pageText string

// page is what the template is given. All text in it that came from elsewhere goes through text or shown, and the template
// escapes it.
type page struct {
	Asked        string
	Installation string
	Made         time.Time
	Version      string
	Signers      string // The file that was judged by, and its hash.
	SignersSum   string
	Revoked      string
	RevokedSum   string
	Policy       string // Hash; as records name it.
	Chain        string // What came of walking it; empty: it was not walked.
	Unasked      string // Why the run itself could not be asked.
	Verified     bool
	Runs         []*story.Story
}

// page writes the page to a file that is not there yet, or to standard output.
func (s *session) page(file string, answer chronicle) error {
	p := page{
		Asked: s.c.Args().First(), Installation: s.cfg.Name, Made: time.Now().UTC(), Version: build.Of().String(), Runs: answer.Runs,
		Signers: s.cfg.Decisions.AllowedSigners, SignersSum: sum(s.cfg.Decisions.AllowedSigners), Revoked: s.cfg.Decisions.Revoked,
		Verified: unverified(answer.Runs) == nil && answer.Broken == "",
	}
	p.Unasked = answer.Unasked
	if p.Revoked != "" {
		p.RevokedSum = sum(p.Revoked)
	}
	if rules, err := localRules(s.cfg); err == nil {
		p.Policy = rules.Hash()
	}
	switch {
	case answer.Broken != "":
		p.Chain = "BROKEN: " + answer.Broken
	case s.c.Bool("verify"):
		p.Chain = fmt.Sprintf("whole: %s, each names the hash of the one before", counted(answer.Verified, "record"))
	}
	text, err := p.draw()
	if err != nil {
		return err
	}
	if file == "-" {
		_, err := s.screen.out.Write(text)
		return err
	}
	if err := writeNew(file, text, s.c.Bool("force")); err != nil {
		return err
	}
	s.screen.aside().raw("written: " + line(file) + "\n")
	return nil
}

func (p page) draw() ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"text": line, "shown": escape, "stamp": stamp, "base64": lines64, "sum": digest, "again": again, "state": state,
		"sources": sources, "took": took, "seconds": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"string": func(b []byte) string { return string(b) }, "verify": p.verify, "base": filepath.Base,
	}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("reading the page's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("drawing the page: %w", err)
	}
	return b.Bytes(), nil
}

// stamp is a time as the page shows it, in UTC.
func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

// took is how long a step took; empty for what has no end of its own.
func took(e story.Event) string {
	if e.At == nil || e.Until == nil {
		return ""
	}
	return duration(e.Until.Sub(*e.At))
}

// lines64 is base64 in lines that fit a page: what a person copies from it are the exact bytes, whatever is in them.
func lines64(data []byte) string {
	const width = 76
	text := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	return b.String() + text
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// verify is what a person types to check one signature. Envelope and signature stand in it as base64: a record that was
// forged must not bring commands of its own.
func (p page) verify(told *story.Story, d story.Decision) string {
	name := fmt.Sprintf("%s-%02d.json", told.Run, d.Number)
	if !ulidForm.MatchString(told.Run) {
		name = fmt.Sprintf("decision-%02d.json", d.Number)
	}
	revoked := ""
	if p.Revoked != "" {
		revoked = " -r " + quote(filepath.Base(p.Revoked))
	}
	return fmt.Sprintf("base64 -d > %s <<'END'\n%s\nEND\nbase64 -d > %s.sig <<'END'\n%s\nEND\n"+
		"ssh-keygen -Y verify -f %s%s -I %s -n %s \\\n  -O verify-time=%s -s %s.sig < %s\n",
		name, lines64(d.Envelope), name, lines64([]byte(d.Signature)),
		quote(filepath.Base(p.Signers)), revoked, quote(d.Person), decision.Namespace,
		d.At.UTC().Format("20060102150405Z"), name, name)
}

// writeNew writes a file whole or not at all, for its owner only. Without force a file that is there stays as it is.
func writeNew(path string, data []byte, force bool) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".fermata-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if force {
		err = os.Rename(temp.Name(), path)
	} else if err = os.Link(temp.Name(), path); errors.Is(err, os.ErrExist) { // A link, unlike a rename, replaces nothing.
		return fault.New(fault.Conflict, "%s is there already: nothing was written. --force replaces it", path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
