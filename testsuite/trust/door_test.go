package trust

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/server/common/primitives"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"fermata/sandbox/certificates"
)

// Nobody gets a word with the frontend whose certificate its authority has not signed, for a client, for now.
func TestWhoHasNoCertificateHearsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	stranger, err := certificates.NewAuthority("a stranger", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	require.NoError(t, err)
	believe := func(c *tls.Certificate) credentials.TransportCredentials {
		return believing(t, b.files.Operator.Authority, c, "localhost")
	}
	for why, c := range map[string]credentials.TransportCredentials{
		"no TLS":                      nil,
		"no certificate":              believe(nil),
		"another authority's":         believe(issued(t, stranger, subject("operator"))),
		"an expired one":              believe(issued(t, b.authority, subject("operator", func(s *certificates.Subject) { s.To = time.Now().Add(-time.Minute) }))),
		"one of tomorrow":             believe(issued(t, b.authority, subject("operator", func(s *certificates.Subject) { s.From = time.Now().Add(time.Minute) }))),
		"a server's":                  believe(issued(t, b.authority, subject("operator", func(s *certificates.Subject) { s.Client, s.Server = false, true }))),
		"that of Temporal's parts":    believe(loaded(t, b.files.Internode)),
		"a certificate without a key": believe(&tls.Certificate{Certificate: loaded(t, b.files.Operator).Certificate, PrivateKey: loaded(t, b.files.UI).PrivateKey}),
	} {
		connection := dial(t, b.Address(), c)
		_, err := workflowservice.NewWorkflowServiceClient(connection).GetSystemInfo(limited(t), &workflowservice.GetSystemInfoRequest{})
		require.Equal(t, codes.Unavailable, status.Code(err), "%s: %v", why, err)
	}
	_, err = b.as(t, loaded(t, b.files.Operator)).GetSystemInfo(limited(t), &workflowservice.GetSystemInfoRequest{})
	require.NoError(t, err)
}

// A client does not believe any server either.
func TestAClientKnowsItsServer(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for why, c := range map[string]credentials.TransportCredentials{
		"another authority": believing(t, b.files.Internode.Authority, loaded(t, b.files.Operator), "localhost"),
		"another name":      believing(t, b.files.Operator.Authority, loaded(t, b.files.Operator), "temporal.example"),
	} {
		_, err := workflowservice.NewWorkflowServiceClient(dial(t, b.Address(), c)).GetSystemInfo(limited(t), &workflowservice.GetSystemInfoRequest{})
		require.Equal(t, codes.Unavailable, status.Code(err), "%s: %v", why, err)
		require.ErrorContains(t, err, "certificate", why)
	}
}

// History, matching and the internal frontend, which asks nobody for a role, believe Temporal's own certificate only.
func TestTemporalsPartsBelieveNoClient(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	parts := b.Parts()
	delete(parts, primitives.WorkerService) // It listens to nobody.
	require.Len(t, parts, 3)
	for part, address := range parts {
		for why, c := range map[string]credentials.TransportCredentials{
			"no TLS":         nil,
			"no certificate": believing(t, b.files.Internode.Authority, nil, certificates.InternodeName),
			"an admin's":     believing(t, b.files.Internode.Authority, loaded(t, b.files.Admin), certificates.InternodeName),
		} {
			_, err := healthpb.NewHealthClient(dial(t, address, c)).Check(limited(t), &healthpb.HealthCheckRequest{})
			require.Equal(t, codes.Unavailable, status.Code(err), "%s %s: %v", part, why, err)
		}
		own := believing(t, b.files.Internode.Authority, loaded(t, b.files.Internode), certificates.InternodeName)
		_, err := healthpb.NewHealthClient(dial(t, address, own)).Check(limited(t), &healthpb.HealthCheckRequest{})
		require.NotEqual(t, codes.Unavailable, status.Code(err), "%s: %v", part, err)
	}
}

// A certificate without a role may not even ask what the server is.
func TestACertificateWithoutARoleIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	frontend := b.as(t, issued(t, b.authority, subject("nobody")))
	_, err := frontend.GetSystemInfo(limited(t), &workflowservice.GetSystemInfoRequest{})
	require.Equal(t, codes.PermissionDenied, status.Code(err), err)
	_, err = frontend.DescribeNamespace(limited(t), &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	require.Equal(t, codes.PermissionDenied, status.Code(err), err)
}

// The role that is taken away counts no more, though the certificate still does and the connection stands.
func TestARoleIsTakenAway(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	leaves := b.grant(t, map[string]string{"leaves": "role: reader"})["leaves"]
	frontend := b.as(t, leaves)
	ask := func() error {
		_, err := frontend.ListWorkflowExecutions(limited(t), &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace})
		return err
	}
	require.NoError(t, ask())
	text, err := os.ReadFile(b.files.Roles)
	require.NoError(t, err)
	before, _, found := strings.Cut(string(text), "    - {uri: \""+certificates.URI("leaves"))
	require.True(t, found)
	b.write(t, before)
	require.Eventually(t, func() bool { return status.Code(ask()) == codes.PermissionDenied }, 10*time.Second, 50*time.Millisecond)
}
