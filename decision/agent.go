package decision

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// maxKeyFile bounds a key file, in bytes.
const maxKeyFile = 1 << 20

// agentPatience is how long an agent may take, in which a person may have to touch a key or type a code.
const agentPatience = 2 * time.Minute

// SignerFromFile reads a private key, and the certificate in <path>-cert.pub if there is one: then signatures carry the
// certificate. passphrase is asked only if the key is encrypted; it may be nil. A key that others can read is refused.
func SignerFromFile(path string, passphrase func() ([]byte, error)) (ssh.Signer, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key %q: %w", path, err)
	}
	defer clear(text)
	s, err := parsePrivate(text, passphrase)
	if err != nil {
		return nil, fmt.Errorf("reading the key %q: %w", path, err)
	}
	if err := checkKey(s.PublicKey()); err != nil {
		return nil, fmt.Errorf("reading the key %q: %w", path, err)
	}
	return withCertificate(s, path+"-cert.pub")
}

// readPrivate looks at the mode of the file that it then reads, not of whatever has the name a moment earlier.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, err
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
		return nil, errors.New("it is a public key: give the private key, or load that into ssh-agent")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		clear(text)
		return nil, fmt.Errorf("its mode is %04o, so others can read it: run chmod 600 on it", mode)
	}
	return text, nil
}

func parsePrivate(text []byte, passphrase func() ([]byte, error)) (ssh.Signer, error) {
	s, err := ssh.ParsePrivateKey(text)
	var missing *ssh.PassphraseMissingError
	if !errors.As(err, &missing) {
		if err != nil {
			return nil, fmt.Errorf("%w (a key on a security token works through ssh-agent only)", err)
		}
		return s, nil
	}
	if passphrase == nil {
		return nil, errors.New("it is encrypted: load it into ssh-agent with ssh-add")
	}
	secret, err := passphrase()
	if err != nil {
		return nil, fmt.Errorf("asking for the passphrase: %w", err)
	}
	defer clear(secret)
	if s, err = ssh.ParsePrivateKeyWithPassphrase(text, secret); err != nil {
		return nil, errors.New("the passphrase does not open it")
	}
	return s, nil
}

func withCertificate(s ssh.Signer, path string) (ssh.Signer, error) {
	key, err := readPublic(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	cert, ok := certificateOf(key)
	if !ok {
		return nil, fmt.Errorf("reading %q: it is no certificate", path)
	}
	signer, err := ssh.NewCertSigner(cert, s)
	if err != nil {
		return nil, fmt.Errorf("reading %q: it is the certificate of another key: move it away or renew it", path)
	}
	return signer, nil
}

func readPublic(path string) (ssh.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the public key %q: %w", path, err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("reading the public key %q: it is not one line of key type and key", path)
	}
	return key, nil
}

// SignerFromAgent signs through the ssh-agent at socket, or at $SSH_AUTH_SOCK if that is empty, with the key whose public
// part or certificate is in publicKeyPath, or with the only key there is if that is empty. Close it after the last
// signature.
func SignerFromAgent(socket, publicKeyPath string) (ssh.Signer, io.Closer, error) {
	if socket == "" {
		socket = os.Getenv("SSH_AUTH_SOCK")
	}
	if socket == "" {
		return nil, nil, errors.New("there is no ssh-agent: SSH_AUTH_SOCK is not set; start one, or name a key file")
	}
	conn, err := net.DialTimeout("unix", socket, agentPatience) //nolint:noctx // A local socket, with a limit of its own.
	if err != nil {
		return nil, nil, fmt.Errorf("reaching ssh-agent: %w: start it, or name a key file", err)
	}
	s, err := pickSigner(conn, publicKeyPath)
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return s, conn, nil
}

func pickSigner(conn net.Conn, publicKeyPath string) (ssh.Signer, error) {
	if err := conn.SetDeadline(time.Now().Add(agentPatience)); err != nil {
		return nil, fmt.Errorf("asking ssh-agent for its keys: %w", err)
	}
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return nil, fmt.Errorf("asking ssh-agent for its keys: %w", err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("asking ssh-agent for its keys: %w", err)
	}
	if len(signers) == 0 {
		return nil, errors.New("ssh-agent holds no key: add one with ssh-add")
	}
	if publicKeyPath == "" {
		return onlySigner(signers)
	}
	key, err := readPublic(publicKeyPath)
	if err != nil {
		return nil, err
	}
	return matchSigner(signers, key)
}

// onlySigner takes the only key; a key and its certificate count as one, and the certificate is taken.
func onlySigner(signers []ssh.Signer) (ssh.Signer, error) {
	only := signers[0]
	for _, s := range signers[1:] {
		if !same(plain(s.PublicKey()), plain(only.PublicKey())) {
			return nil, fmt.Errorf("ssh-agent holds several keys, say which by its .pub file: %s", fingerprints(signers))
		}
		if _, ok := certificateOf(s.PublicKey()); ok {
			only = s
		}
	}
	return only, nil
}

func matchSigner(signers []ssh.Signer, key ssh.PublicKey) (ssh.Signer, error) {
	for _, s := range signers {
		if same(s.PublicKey(), key) {
			return s, nil
		}
	}
	cert, ok := certificateOf(key)
	if !ok {
		return nil, fmt.Errorf("ssh-agent does not hold the key %s: add it with ssh-add; it holds %s",
			Fingerprint(key), fingerprints(signers))
	}
	s, err := matchSigner(signers, cert.Key) // the agent has the key, the file the certificate
	if err != nil {
		return nil, err
	}
	return ssh.NewCertSigner(cert, s)
}

func fingerprints(signers []ssh.Signer) string {
	names := make([]string, len(signers))
	for i, s := range signers {
		names[i] = s.PublicKey().Type() + " " + Fingerprint(s.PublicKey())
	}
	return strings.Join(names, ", ")
}
