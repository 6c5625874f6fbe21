package judge

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// secret reads one that the sandbox made for itself.
func (j *Judge) secret(name string) (string, error) {
	data, err := os.ReadFile(j.path("secrets", name))
	if err != nil {
		return "", fmt.Errorf("reading a secret of the sandbox: %w", err)
	}
	return string(data), nil
}

// trusting verifies servers by the certificate in a file.
func trusting(file string) (*tls.Config, error) {
	authority, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate %s: %w", filepath.Base(file), err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Base(file))
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
