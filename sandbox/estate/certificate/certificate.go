// Package certificate makes the certificates of emulated systems: each vouches for itself, for loopback only.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// File is the certificate in a system's folder, which clients are to trust.
func File(folder string) string { return filepath.Join(folder, "ca.pem") }

// Of reads the certificate of the system whose state is in the folder, made on first use: clients keep trusting a system
// that was restarted. The name is shown to people; hosts are the names and addresses that it is reached
// by beside localhost.
func Of(folder, name string, hosts ...string) (*tls.Config, error) {
	keyFile := filepath.Join(folder, "key.pem")
	pair, err := tls.LoadX509KeyPair(File(folder), keyFile)
	if err != nil || time.Now().After(pair.Leaf.NotAfter) {
		if err = generate(File(folder), keyFile, name, hosts); err != nil {
			return nil, fmt.Errorf("making the certificate of %s: %w", name, err)
		}
		if pair, err = tls.LoadX509KeyPair(File(folder), keyFile); err != nil {
			return nil, fmt.Errorf("reading the certificate of %s: %w", name, err)
		}
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

func generate(certificateFile, keyFile, name string, hosts []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "sandbox " + name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certificateFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644) //nolint:gosec // Public.
}
