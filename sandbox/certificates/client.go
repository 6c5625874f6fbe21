package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Client is the TLS of a client that shows the certificate, and believes a server of the authority whose certificate is good for
// that name.
func (p Pair) Client(server string) (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return nil, fmt.Errorf("reading a client's certificate: %w", err)
	}
	authority, err := os.ReadFile(p.Authority)
	if err != nil {
		return nil, fmt.Errorf("reading an authority: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: x509.NewCertPool(), ServerName: server, MinVersion: tls.VersionTLS12}
	c.RootCAs.AppendCertsFromPEM(authority)
	return c, nil
}
