// Package trust tries to come near a run from outside: without a certificate, with a wrong one, with one that has another
// role, and past the frontend. Everything must be refused, by the wall that it is meant to meet.
package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"fermata/access"
	"fermata/sandbox/certificates"
	"fermata/sandbox/embedded"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // The simulator of vCenter writes to it.
	os.Exit(m.Run())
}

const namespace = "fermata"

// bench is a Temporal with the authority of its clients.
type bench struct {
	*embedded.Server
	folder    string
	authority *certificates.Authority
	files     certificates.Files
}

func setup(t *testing.T, settings map[string]any) *bench {
	t.Helper()
	b := &bench{folder: t.TempDir()}
	var err error
	b.Server, err = embedded.Start(embedded.Options{Folder: b.folder, Namespace: namespace, Retention: 24 * time.Hour, Settings: settings})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Stop()) })
	b.files = b.Certificates()
	b.authority, err = certificates.LoadAuthority(filepath.Join(b.folder, "tls"))
	require.NoError(t, err)
	return b
}

// subject is a client of that name, with a certificate that counts for an hour unless it is changed.
func subject(name string, change ...func(*certificates.Subject)) certificates.Subject {
	now := time.Now()
	s := certificates.Subject{Name: name, URI: certificates.URI(name), Client: true, From: now.Add(-time.Hour), To: now.Add(time.Hour)}
	for _, f := range change {
		f(&s)
	}
	return s
}

// issued is a certificate that the authority signs.
func issued(t *testing.T, a *certificates.Authority, s certificates.Subject) *tls.Certificate {
	t.Helper()
	certificate, key, err := a.Issue(s)
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certificate, key)
	require.NoError(t, err)
	return &pair
}

func loaded(t *testing.T, p certificates.Pair) *tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	require.NoError(t, err)
	return &pair
}

// believing is the TLS of a client that believes the authority and shows the certificate, or none. It shows it even where the
// server does not believe its authority, as somebody would who tries.
func believing(t *testing.T, authority string, certificate *tls.Certificate, name string) credentials.TransportCredentials {
	t.Helper()
	text, err := os.ReadFile(authority)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	return credentials.NewTLS(&tls.Config{
		RootCAs: pool, ServerName: name, MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if certificate == nil {
				return &tls.Certificate{}, nil
			}
			return certificate, nil
		},
	})
}

func dial(t *testing.T, address string, c credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	if c == nil {
		c = insecure.NewCredentials()
	}
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(c))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// as is the frontend as the holder of a certificate finds it.
func (b *bench) as(t *testing.T, certificate *tls.Certificate) workflowservice.WorkflowServiceClient {
	t.Helper()
	return workflowservice.NewWorkflowServiceClient(dial(t, b.Address(), believing(t, b.files.Operator.Authority, certificate, "localhost")))
}

// limited is a context for a call that must be answered soon. It says who it would like to be.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return metadata.AppendToOutgoingContext(ctx, "temporal-principal-type", "temporal", "temporal-principal-name", "internal", "authorization", "Bearer nobody")
}

// grant adds grants to the file of roles, and returns the certificate of each.
func (b *bench) grant(t *testing.T, grants map[string]string) map[string]*tls.Certificate {
	t.Helper()
	text, err := os.ReadFile(b.files.Roles)
	require.NoError(t, err)
	all := map[string]*tls.Certificate{}
	for name, rest := range grants {
		text = append(text, "    - {uri: \""+certificates.URI(name)+"\", namespace: "+namespace+", "+rest+"}\n"...)
		all[name] = issued(t, b.authority, subject(name))
	}
	b.write(t, string(text))
	_, err = access.Load(b.files.Roles)
	require.NoError(t, err)
	for name, certificate := range all {
		frontend := b.as(t, certificate)
		require.Eventually(t, func() bool {
			_, err := frontend.DescribeNamespace(limited(t), &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
			return err == nil
		}, 10*time.Second, 50*time.Millisecond, name)
	}
	return all
}

func (b *bench) write(t *testing.T, roles string) {
	t.Helper()
	require.NoError(t, os.WriteFile(b.files.Roles+".new", []byte(roles), 0o600))
	require.NoError(t, os.Rename(b.files.Roles+".new", b.files.Roles))
}
