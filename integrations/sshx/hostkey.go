package sshx

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// trust says which host keys are accepted for one target.
type trust struct {
	address string // host:port as it is dialled.
	name    string // Principal that a host certificate must name.
	keys    []ssh.PublicKey
	cas     []ssh.PublicKey
	known   ssh.HostKeyCallback // Nil without a known_hosts file.
	want    []ssh.PublicKey     // Keys of address in the known_hosts file.
}

// keyError is a host that is not the one expected. Its text names both by fingerprint.
type keyError struct{ text string }

func (e *keyError) Error() string { return e.text }

func newTrust(cfg Config, target Target) (*trust, error) {
	t := &trust{address: target.Address, name: target.Name}
	if host, _, err := net.SplitHostPort(target.Address); err == nil && t.name == "" {
		t.name = host
	}
	var err error
	if t.keys, err = parseKeys("host keys", target.HostKeys); err != nil {
		return nil, err
	}
	if t.cas, err = parseKeys("host CA", target.HostCA); err != nil {
		return nil, err
	}
	if cfg.KnownHosts != "" {
		if t.known, err = knownhosts.New(cfg.KnownHosts); err != nil {
			return nil, fmt.Errorf("reading known_hosts: %w", err)
		}
		t.want = knownKeys(t.known, target.Address)
	}
	if len(t.keys)+len(t.cas) == 0 && t.known == nil {
		return nil, fmt.Errorf("%s cannot be recognised: no host key, host CA or known_hosts file is given for it", target.Address)
	}
	return t, nil
}

// nobody is a key that is in no file; asking for it makes known_hosts list what it has.
type nobody struct{}

func (nobody) Type() string                        { return "none" }
func (nobody) Marshal() []byte                     { return []byte("none") }
func (nobody) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// placeholder stands for the remote address, which known_hosts wants but does not use beside a host name.
func placeholder() net.Addr { return &net.TCPAddr{IP: net.IPv4zero} }

func knownKeys(known ssh.HostKeyCallback, address string) []ssh.PublicKey {
	var keyErr *knownhosts.KeyError
	if !errors.As(known(address, placeholder(), nobody{}), &keyErr) {
		return nil
	}
	keys := make([]ssh.PublicKey, 0, len(keyErr.Want))
	for _, k := range keyErr.Want {
		keys = append(keys, k.Key)
	}
	return keys
}

// algorithms lists the host key algorithms that a trusted key can be offered with, certificates first. Offering no
// other keeps a server that has several keys from showing one that nobody gave us.
func (t *trust) algorithms() []string {
	var algorithms []string
	if len(t.cas) > 0 || t.known != nil {
		algorithms = append(algorithms, ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01,
			ssh.CertAlgoECDSA521v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01)
	}
	for _, key := range slices.Concat(t.keys, t.want) {
		names := []string{key.Type()}
		if key.Type() == ssh.KeyAlgoRSA {
			names = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, name := range names {
			if !slices.Contains(algorithms, name) {
				algorithms = append(algorithms, name)
			}
		}
	}
	return algorithms
}

// check is the ssh.HostKeyCallback. The address that the library passes is not used: ours is the one that was asked for.
func (t *trust) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	cert, isCert := key.(*ssh.Certificate)
	if !isCert && slices.ContainsFunc(t.keys, func(k ssh.PublicKey) bool { return same(k, key) }) {
		return nil
	}
	if isCert && slices.ContainsFunc(t.cas, func(k ssh.PublicKey) bool { return same(k, cert.SignatureKey) }) {
		return t.checkCert(cert)
	}
	if t.known != nil {
		err := t.known(t.address, placeholder(), key)
		var keyErr *knownhosts.KeyError
		if err == nil && isCert {
			err = namesHost(cert)
		}
		if err == nil || !errors.As(err, &keyErr) {
			return t.refuse(err)
		}
	}
	return &keyError{fmt.Sprintf("%s showed %s, expected %s", t.address, fingerprint(key), t.expected())}
}

func (t *trust) checkCert(cert *ssh.Certificate) error {
	if err := namesHost(cert); err != nil {
		return t.refuse(err)
	}
	checker := ssh.CertChecker{IsHostAuthority: func(ssh.PublicKey, string) bool { return true }} // The caller compared it.
	return t.refuse(checker.CheckHostKey(net.JoinHostPort(t.name, DefaultPort), placeholder(), cert))
}

// namesHost refuses a certificate without principals: the library, unlike OpenSSH, takes it as good for every host.
func namesHost(cert *ssh.Certificate) error {
	if len(cert.ValidPrincipals) == 0 {
		return errors.New("its certificate names no host")
	}
	return nil
}

func (t *trust) refuse(err error) error {
	if err == nil {
		return nil
	}
	return &keyError{fmt.Sprintf("%s (%s) is not trusted: %s", t.address, t.name, strings.TrimPrefix(err.Error(), "ssh: "))}
}

// expected lists what would be accepted, for people.
func (t *trust) expected() string {
	var names []string
	for _, key := range slices.Concat(t.keys, t.want) {
		names = append(names, fingerprint(key))
	}
	for _, key := range t.cas {
		names = append(names, "a certificate for "+t.name+" signed by "+fingerprint(key))
	}
	if len(names) == 0 {
		return "a key that the known_hosts file does not have"
	}
	return strings.Join(names, " or ")
}

func fingerprint(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		return "a certificate signed by " + fingerprint(cert.SignatureKey)
	}
	return key.Type() + " " + ssh.FingerprintSHA256(key)
}

func same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
