// Package certificates makes certificate authorities and certificates of mutual TLS: those that a sandbox needs, and those
// of tests. An installation has an authority of its own; docs/security.md says how.
package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// Authority signs certificates.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Subject is whose certificate it is, what for and for how long.
type Subject struct {
	Name     string   // CN.
	URI      string   // Subject alternative name; empty: none.
	Hosts    []string // DNS names and addresses; only a server has some.
	Server   bool     // It may stand for a server.
	Client   bool     // It may stand for a client.
	From, To time.Time
}

// NewAuthority makes an authority that signs itself.
func NewAuthority(name string, from, to time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of %s: %w", name, err)
	}
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := create(c, c, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return read(der, key)
}

func read(der []byte, key *ecdsa.PrivateKey) (*Authority, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading an authority's certificate: %w", err)
	}
	return &Authority{c, key}, nil
}

func create(c, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	c.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate of %s: %w", c.Subject.CommonName, err)
	}
	return der, nil
}

// Issue makes a key and its certificate, PEM. A certificate never outlives its authority.
func (a *Authority) Issue(s Subject) (certificate, key []byte, err error) {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: s.Name}, NotBefore: s.From, NotAfter: s.To, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if s.To.After(a.certificate.NotAfter) {
		c.NotAfter = a.certificate.NotAfter
	}
	if s.Server {
		c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if s.Client {
		c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if s.URI != "" {
		u, err := url.Parse(s.URI)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the URI of %s: %w", s.Name, err)
		}
		c.URIs = []*url.URL{u}
	}
	for _, host := range s.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
			continue
		}
		c.DNSNames = append(c.DNSNames, host)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making the key of %s: %w", s.Name, err)
	}
	der, err := create(c, a.certificate, &own.PublicKey, a.key)
	if err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(own)
	return encode(der), key, err
}

// PEM is the authority's certificate.
func (a *Authority) PEM() []byte { return encode(a.certificate.Raw) }

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parse(certificate, key []byte) (*Authority, error) {
	c, k := block(certificate), block(key)
	if c == nil || k == nil {
		return nil, errors.New("reading an authority: no PEM")
	}
	private, err := x509.ParsePKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("reading an authority's key: %w", err)
	}
	own, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("reading an authority's key: it is of another kind")
	}
	return read(c, own)
}

func block(text []byte) []byte {
	if b, _ := pem.Decode(text); b != nil {
		return b.Bytes
	}
	return nil
}
