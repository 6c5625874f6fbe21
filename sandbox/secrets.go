package sandbox

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"golang.org/x/crypto/ssh"

	"fermata/encryption"
	"fermata/sandbox/keep"
)

// Names of the people that a sandbox invents.
const (
	Requester = "requester@sandbox"
	Approver  = "approver@sandbox"
)

// OnCall is the mailbox of those who are asked when nobody else decides.
const OnCall = "on-call@sandbox"

// Mailboxes are the addresses that take mail in the sandbox.
func Mailboxes() []string { return []string{Requester, Approver, OnCall} }

// People are the invented people's private keys.
type People struct {
	RequesterKey string // Path.
	ApproverKey  string // Path.
}

// secretFiles is what a sandbox generated for itself at its first start. Every value is random; none is in the code.
type secretFiles struct {
	people                                         People
	vcenterPassword                                string
	ticketsToken                                   string
	mailPassword                                   string
	hooksSecret                                    string // whsec_...
	namesKey                                       string
	cloudPassword, staffPassword, databasePassword string
	ageRecipient                                   string // Of the file that passwords are kept in which runs generate.
	workerKey                                      string // Public, authorized_keys form.
}

// KeyID names the key that payloads are sealed with.
const KeyID = "sandbox-1"

// prepare makes the folder with its secrets and keys, or finds them again.
func prepare(folder string) (*secretFiles, error) {
	for _, name := range []string{"", "secrets", "people", "records"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			return nil, fmt.Errorf("making the sandbox's folder: %w", err)
		}
	}
	secrets := filepath.Join(folder, "secrets")
	s := &secretFiles{}
	var err error
	if s.vcenterPassword, err = generated(filepath.Join(secrets, "vcenter-password"), randomText); err != nil {
		return nil, err
	}
	if s.ticketsToken, err = generated(filepath.Join(secrets, "tickets-token"), randomText); err != nil {
		return nil, err
	}
	if s.mailPassword, err = generated(filepath.Join(secrets, "mail-password"), randomText); err != nil {
		return nil, err
	}
	if s.hooksSecret, err = generated(filepath.Join(secrets, "hooks-secret"), webhookSecret); err != nil {
		return nil, err
	}
	if s.namesKey, err = generated(filepath.Join(secrets, "names-key"), randomText); err != nil {
		return nil, err
	}
	for name, into := range map[string]*string{"cloud-password": &s.cloudPassword, "staff-password": &s.staffPassword, "database-password": &s.databasePassword} {
		if *into, err = generated(filepath.Join(secrets, name), randomText); err != nil {
			return nil, err
		}
	}
	if s.ageRecipient, err = ageFile(folder); err != nil {
		return nil, err
	}
	if _, err = generated(filepath.Join(secrets, "web-01-session-key"), randomText); err != nil {
		return nil, err
	}
	if _, err = generated(filepath.Join(secrets, "payload-key"), payloadKey); err != nil {
		return nil, err
	}
	if s.workerKey, err = keyPair(filepath.Join(secrets, "worker-key")); err != nil {
		return nil, err
	}
	return s, s.invent(filepath.Join(folder, "people"))
}

// invent makes the two people, and the file that says whose keys they are.
func (s *secretFiles) invent(folder string) error {
	s.people = People{RequesterKey: filepath.Join(folder, "requester"), ApproverKey: filepath.Join(folder, "approver")}
	var lines strings.Builder
	for _, p := range []struct{ name, path string }{{Requester, s.people.RequesterKey}, {Approver, s.people.ApproverKey}} {
		public, err := keyPair(p.path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s namespaces=\"decision@fermata\" %s\n", p.name, public)
	}
	path := filepath.Join(folder, "allowed_signers")
	if _, err := os.Stat(path); err == nil {
		return nil // Somebody may have added people of their own.
	}
	return keep.Replace(path, []byte(lines.String()))
}

// generated reads a secret, or makes it if it is not there.
func generated(path string, generate func() (string, error)) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return string(data), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading a secret of the sandbox: %w", err)
	}
	text, err := generate()
	if err != nil {
		return "", fmt.Errorf("generating %s: %w", filepath.Base(path), err)
	}
	return text, keep.Replace(path, []byte(text))
}

func randomText() (string, error) {
	b := make([]byte, 24)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// webhookSecret is of the form that Standard Webhooks asks for.
func webhookSecret() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(b), nil
}

func payloadKey() (string, error) {
	key, err := encryption.GenerateKey(KeyID)
	if err != nil {
		return "", err
	}
	return key.Encode(), nil
}

// keyPair returns the public key of the private one at path, which it makes if it is not there.
func keyPair(path string) (string, error) {
	text, err := generated(path, func() (string, error) {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return "", err
		}
		block, err := ssh.MarshalPrivateKey(private, filepath.Base(path))
		if err != nil {
			return "", err
		}
		return string(pem.EncodeToMemory(block)), nil
	})
	if err != nil {
		return "", err
	}
	signer, err := ssh.ParsePrivateKey([]byte(text))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return public, keep.Replace(path+".pub", []byte(public+"\n"))
}

// lock keeps a second sandbox out of the folder.
func (s *Sandbox) lock(context.Context, *secretFiles) error {
	l := flock.New(s.folder("lock"))
	got, err := l.TryLock()
	if err != nil {
		return fmt.Errorf("locking %s: %w", s.o.Folder, err)
	}
	if !got {
		return fmt.Errorf("another sandbox uses %s: stop it, or choose another folder with --data", s.o.Folder)
	}
	s.onClose(l.Unlock)
	return nil
}
