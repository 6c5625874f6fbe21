package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"

	"fermata/activities/fault"
	"fermata/config"
	"fermata/encryption"
)

// KeyReader reads the keys that an installation seals payloads with. Who calls the client chooses it, as the client does
// not know where secrets are kept; providers.Keys is the one that knows every provider.
type KeyReader func(ctx context.Context, cfg *config.Installation) (*encryption.Keyring, error)

// FromConfig returns the options that an installation's description gives, with its keys read by read.
func FromConfig(ctx context.Context, cfg *config.Installation, read KeyReader, log *slog.Logger) (Options, error) {
	keys, err := read(ctx, cfg)
	if err != nil {
		return Options{}, err
	}
	certificates, err := tlsConfig(cfg.Temporal.TLS)
	if err != nil {
		return Options{}, err
	}
	return Options{
		Cluster: cfg.Name, Profile: cfg.Temporal.Profile, ConfigFile: cfg.Temporal.ConfigFile,
		Address: cfg.Temporal.Address, Namespace: cfg.Temporal.Namespace, TLS: certificates, Keys: keys, Log: log,
	}, nil
}

// tlsConfig returns nil where the description says nothing: the profile decides then.
func tlsConfig(t config.TLS) (*tls.Config, error) {
	if t == (config.TLS{}) {
		return nil, nil //nolint:nilnil // Nothing said.
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "reading spec.temporal.tls.ca")
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "reading spec.temporal.tls.ca: no certificate in %s", t.CA)
		}
	}
	if t.Cert != "" {
		if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "reading spec.temporal.tls.cert and key")
		}
		// The files are read for each connection, so a renewed certificate needs no restart.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, err, "reading spec.temporal.tls.cert and key again")
			}
			return &pair, nil
		}
	}
	return c, nil
}
