package guest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

const (
	hostKeyFile     = "/etc/ssh/ssh_host_ed25519_key"
	hostCertificate = hostKeyFile + "-cert.pub"
)

// hostKeys reads the machine's host key, made at the first boot, and its certificate if somebody put one beside it.
func (m *Machine) hostKeys() ([]ssh.Signer, error) {
	v := m.files.as(root)
	if !v.exists(hostKeyFile) {
		if err := m.makeHostKey(v); err != nil {
			return nil, err
		}
	}
	data, err := v.readFile(hostKeyFile)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", hostKeyFile, err)
	}
	signers := []ssh.Signer{signer}
	if data, err := v.readFile(hostCertificate); err == nil {
		if certified, err := certify(signer, data); err == nil {
			signers = append(signers, certified)
		}
	}
	return signers, nil
}

func certify(signer ssh.Signer, data []byte) (ssh.Signer, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil, fmt.Errorf("reading the host certificate: %w", err)
	}
	certificate, ok := key.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("reading the host certificate: it is a plain key")
	}
	certified, err := ssh.NewCertSigner(certificate, signer)
	if err != nil {
		return nil, fmt.Errorf("using the host certificate: %w", err)
	}
	return certified, nil
}

func (m *Machine) makeHostKey(v view) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "root@"+m.options.Name)
	if err != nil {
		return fmt.Errorf("encoding the key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return fmt.Errorf("using the key: %w", err)
	}
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " root@" + m.options.Name + "\n"
	if err := v.writeFile(hostKeyFile+".pub", []byte(public), 0o644); err != nil {
		return err
	}
	return v.writeFile(hostKeyFile, pem.EncodeToMemory(block), 0o600)
}

// HostKeys answers the public host keys in authorized_keys form; none before the first boot.
func (m *Machine) HostKeys() []string {
	data, err := m.ReadFile(hostKeyFile + ".pub")
	if err != nil {
		return nil
	}
	return []string{strings.TrimSpace(string(data))}
}
