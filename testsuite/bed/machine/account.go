package machine

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The accounts that authorized keys are for: User may become root, Guest may not.
const (
	User  = "deploy"
	Guest = "visitor"
)

const hostKeyFile = "/etc/ssh/ssh_host_ed25519_key"

// keysFolder holds the keys of the machine's two accounts; those of others are where sshd looks by itself.
const keysFolder = "/etc/ssh/authorized_keys.d"

// furnish adds the accounts, a host key, and an sshd that knows both.
func (m *Machine) furnish(files map[string]string) error {
	key, err := m.makeHostKey()
	if err != nil {
		return err
	}
	files["/etc/hostname"] = m.o.Name + "\n"
	files["/etc/hosts"] = "127.0.0.1 localhost\n" + m.o.Address + " " + m.o.Name + "\n"
	files["/etc/ssh/sshd_config"] = "ListenAddress " + m.o.Address + "\nHostKey " + hostKeyFile + `
AuthorizedKeysFile ` + keysFolder + `/%u .ssh/authorized_keys
UsePAM no
PasswordAuthentication no
PermitRootLogin no
UseDNS no
PidFile none
MaxStartups 200
Subsystem sftp internal-sftp
`
	files[hostKeyFile] = key
	for _, name := range []string{User, Guest} {
		files[keysFolder+"/"+name] = strings.Join(m.o.AuthorizedKeys, "\n") + "\n"
	}
	files["/etc/sudoers.d/"+User] = User + " ALL=(ALL) NOPASSWD: ALL\n"
	return m.accounts(files)
}

// accounts adds the machine's accounts to those of its tree by hand: useradd would take longer than all the rest. A
// password of "*" is one that nobody has; "!" would lock the account for sshd too.
func (m *Machine) accounts(files map[string]string) error {
	added := map[string]string{"/etc/passwd": "", "/etc/group": "", "/etc/shadow": ""}
	for i, name := range []string{User, Guest} {
		id := 61000 + i
		added["/etc/passwd"] += fmt.Sprintf("%s:x:%d:%d::/tmp:/bin/sh\n", name, id, id)
		added["/etc/group"] += fmt.Sprintf("%s:x:%d:\n", name, id)
		added["/etc/shadow"] += name + ":*:20000:0:99999:7:::\n"
	}
	for name, lines := range added {
		data, err := os.ReadFile(filepath.Join(m.o.Root, name))
		if err != nil {
			return err
		}
		files[name] = strings.TrimRight(string(data), "\n") + "\n" + lines
	}
	return nil
}

// makeHostKey returns the private host key, that of an earlier life if there is one.
func (m *Machine) makeHostKey() (string, error) {
	if data, err := os.ReadFile(filepath.Join(m.o.Folder, "upper", hostKeyFile)); err == nil {
		signer, err := ssh.ParsePrivateKey(data)
		if err != nil {
			return "", err
		}
		m.hostKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
		return string(data), nil
	}
	private, public, err := NewKey()
	m.hostKey = public
	return string(private), err
}

// NewKey makes a key pair: the private one in OpenSSH's form, the public one as a line of authorized_keys.
func NewKey() (private []byte, public string, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		return nil, "", err
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		return nil, "", err
	}
	return pem.EncodeToMemory(block), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}
