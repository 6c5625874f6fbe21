package starter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/term"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/config"
	"fermata/decision"
)

// identify finds out who signs: the name and the key.
func (s *session) identify() (client.Person, io.Closer, error) {
	signer, closer, err := s.signer()
	if err != nil {
		return client.Person{}, nil, fault.Wrap(fault.Unauthorized, err, "this command must be signed")
	}
	name, err := s.name(signer.PublicKey())
	if err != nil {
		_ = closer.Close()
		return client.Person{}, nil, err
	}
	return client.Person{Name: name, Signer: signer}, closer, nil
}

// signer is the key in the file that was named; for a .pub file, or without one, the key that ssh-agent holds.
func (s *session) signer() (ssh.Signer, io.Closer, error) {
	path := s.c.String("key")
	if path != "" && !strings.HasSuffix(path, ".pub") {
		signer, err := decision.SignerFromFile(path, func() ([]byte, error) { return askPassphrase(s.c.Context) })
		return signer, io.NopCloser(nil), err
	}
	if os.Getenv("SSH_AUTH_SOCK") == "" {
		return nil, nil, errors.New("no key: name a private key with --key or FERMATA_KEY, or load one into ssh-agent")
	}
	return decision.SignerFromAgent("", path)
}

// askPassphrase gives the terminal its echo back when it is interrupted.
func askPassphrase(ctx context.Context) ([]byte, error) {
	fd := int(os.Stdin.Fd()) //nolint:gosec // A descriptor is a small number.
	before, err := term.GetState(fd)
	if err != nil {
		return nil, errors.New("the key is encrypted and there is no terminal to ask for its passphrase: load it into ssh-agent")
	}
	fmt.Fprint(os.Stderr, "Passphrase: ")
	defer fmt.Fprintln(os.Stderr)
	answer, err := await(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	if ctx.Err() != nil {
		_ = term.Restore(fd, before)
	}
	return answer, err
}

// await waits for a person no longer than ctx lasts. The read itself cannot be ended: it goes with the process.
func await[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := read()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var nothing T
		return nothing, ctx.Err()
	}
}

// name is --as, or whose key it is.
func (s *session) name(key ssh.PublicKey) (string, error) {
	if name := s.c.String("as"); name != "" {
		return name, nil
	}
	allowed, err := allowedSigners(s.cfg)
	if err != nil {
		return "", err
	}
	names := allowed.Principals(key, decision.Namespace, time.Now())
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", fault.New(fault.Unauthorized, "key %s is nobody's in %s: add it there, or sign with another (--key)",
			decision.Fingerprint(key), s.cfg.Decisions.AllowedSigners)
	}
	return "", fault.New(fault.Unauthorized, "key %s stands for %d people in %s (%s): say who you are with --as",
		decision.Fingerprint(key), len(names), s.cfg.Decisions.AllowedSigners, strings.Join(names, ", "))
}

func allowedSigners(cfg *config.Installation) (*decision.AllowedSigners, error) {
	file, err := os.Open(cfg.Decisions.AllowedSigners)
	if err != nil {
		return nil, fault.Wrap(fault.Unauthorized, err, "reading whose key is whose (spec.decisions.allowedSigners)")
	}
	defer func() { _ = file.Close() }()
	allowed, err := decision.ParseAllowedSigners(file)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading "+cfg.Decisions.AllowedSigners)
	}
	return allowed, nil
}
