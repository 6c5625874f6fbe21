package certificates

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"fermata/sandbox/keep"
)

// How long certificates count, and how much of that must be left when a sandbox starts.
const (
	authorityLife  = 10 * 365 * 24 * time.Hour
	authorityLeast = 2 * 365 * 24 * time.Hour
	life           = 365 * 24 * time.Hour
	least          = 60 * 24 * time.Hour
)

// Pair are the files of a certificate and its key, and the authority's certificate that belongs to the other side.
type Pair struct{ Authority, Certificate, Key string }

// Files are the files of a Temporal with its clients. The frontend and its clients have one authority; the parts of Temporal
// have another among themselves, so that no client is taken for one of them.
type Files struct {
	Server    Pair // The frontend.
	Internode Pair // Temporal's parts among themselves; as a server they are called InternodeName.
	Worker    Pair // A client, as those that follow.
	Operator  Pair
	UI        Pair
	Admin     Pair
	Roles     string // Which certificate may do what: package access.
}

// InternodeName is the name in the certificate of Temporal's parts.
const InternodeName = "internode.sandbox"

// URI is what a client's certificate is called: spiffe://sandbox/worker.
func URI(client string) string { return "spiffe://sandbox/" + client }

// folder is where the files are.
type folder struct {
	path string
	now  time.Time
}

// Prepare makes the files in the folder at their first use, and again those that would expire soon. Several processes may do
// so at the same moment.
func Prepare(path, namespace string) (Files, error) { return prepare(path, namespace, time.Now()) }

func prepare(path, namespace string, now time.Time) (files Files, err error) {
	if path, err = filepath.Abs(path); err != nil { // The files are named in descriptions that stand elsewhere.
		return files, fmt.Errorf("finding the folder of certificates: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return files, fmt.Errorf("making the folder of certificates: %w", err)
	}
	l := flock.New(filepath.Join(path, "lock"))
	if err := l.Lock(); err != nil {
		return files, fmt.Errorf("locking the folder of certificates: %w", err)
	}
	defer func() { err = errors.Join(err, l.Unlock()) }()
	f := folder{path, now}
	if err := f.frontend(&files); err != nil {
		return files, err
	}
	if err := f.internode(&files); err != nil {
		return files, err
	}
	files.Roles = f.file("roles.yaml")
	return files, keep.Replace(files.Roles, roles(namespace))
}

// LoadAuthority returns the authority of the frontend and its clients, for those who need another certificate: tests.
func LoadAuthority(path string) (*Authority, error) {
	return folder{path: path}.load("frontend-ca")
}

func (f folder) file(name string) string { return filepath.Join(f.path, name) }

func (f folder) frontend(files *Files) error {
	const name = "frontend-ca"
	a, err := f.authority(name)
	if err != nil {
		return err
	}
	hosts := []string{"127.0.0.1", "localhost"}
	if files.Server, err = f.issued(a, name, "server", Subject{Name: "Temporal of a sandbox", Hosts: hosts, Server: true}); err != nil {
		return err
	}
	for client, pair := range map[string]*Pair{"worker": &files.Worker, "operator": &files.Operator, "ui": &files.UI, "admin": &files.Admin} {
		if *pair, err = f.issued(a, name, client, Subject{Name: client, URI: URI(client), Client: true}); err != nil {
			return err
		}
	}
	return nil
}

func (f folder) internode(files *Files) error {
	const name = "internode-ca"
	a, err := f.authority(name)
	if err != nil {
		return err
	}
	files.Internode, err = f.issued(a, name, "internode", Subject{Name: InternodeName, Hosts: []string{InternodeName}, Server: true, Client: true})
	return err
}

// authority returns the one that is there, if it lives long enough, else a new one.
func (f folder) authority(name string) (*Authority, error) {
	a, err := f.load(name)
	if err == nil && f.now.Add(authorityLeast).Before(a.certificate.NotAfter) && !f.now.Before(a.certificate.NotBefore) {
		return a, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if a, err = NewAuthority("Fermata sandbox "+name, f.now.Add(-time.Hour), f.now.Add(authorityLife)); err != nil {
		return nil, err
	}
	key, err := encodeKey(a.key)
	if err != nil {
		return nil, err
	}
	return a, f.write(name, a.PEM(), key)
}

func (f folder) load(name string) (*Authority, error) {
	certificate, err := os.ReadFile(f.file(name + ".pem"))
	if err != nil {
		return nil, fmt.Errorf("reading an authority: %w", err)
	}
	key, err := os.ReadFile(f.file(name + ".key"))
	if err != nil {
		return nil, fmt.Errorf("reading an authority: %w", err)
	}
	a, err := parse(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.file(name+".pem"), err)
	}
	return a, nil
}

// issued returns the files of a certificate that lives long enough and that the authority has signed.
func (f folder) issued(a *Authority, authority, name string, s Subject) (Pair, error) {
	pair := Pair{Authority: f.file(authority + ".pem"), Certificate: f.file(name + ".pem"), Key: f.file(name + ".key")}
	if f.lives(a, pair) {
		return pair, nil
	}
	s.From, s.To = f.now.Add(-time.Hour), f.now.Add(life)
	certificate, key, err := a.Issue(s)
	if err != nil {
		return pair, err
	}
	return pair, f.write(name, certificate, key)
}

func (f folder) lives(a *Authority, pair Pair) bool {
	text, err := os.ReadFile(pair.Certificate)
	if err != nil {
		return false
	}
	if _, err := os.Stat(pair.Key); err != nil {
		return false
	}
	c, err := x509.ParseCertificate(block(text))
	return err == nil && c.CheckSignatureFrom(a.certificate) == nil && bytes.Equal(c.RawIssuer, a.certificate.RawSubject) &&
		f.now.Add(least).Before(c.NotAfter) && !f.now.Before(c.NotBefore)
}

// write writes the key first: a certificate whose key is another's is never left.
func (f folder) write(name string, certificate, key []byte) error {
	if err := os.Remove(f.file(name + ".pem")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replacing a certificate: %w", err)
	}
	if err := keep.Replace(f.file(name+".key"), key); err != nil {
		return err
	}
	return keep.Replace(f.file(name+".pem"), certificate)
}
