package access

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

const good = `apiVersion: fermata/v1
kind: Roles
spec:
  grants:
    - {uri: "spiffe://example/workflows", role: workflows, namespace: fermata, queues: [fermata, fermata.record]}
    - {uri: "spiffe://example/berlin", role: worker, namespace: fermata, queues: [fermata.compute.berlin]}
    - {commonName: "operators.example", role: operator, namespace: fermata}
    - {commonName: "root.example", role: admin, namespace: "*"}
`

func certificate(t *testing.T, commonName string, uris ...string) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: commonName}}
	for _, text := range uris {
		u, err := url.Parse(text)
		require.NoError(t, err)
		c.URIs = append(c.URIs, u)
	}
	return c
}

func TestACertificateHasTheRoleThatTheFileNames(t *testing.T) {
	t.Parallel()
	all, err := parse("roles.yaml", []byte(good))
	require.NoError(t, err)
	g, err := all.Of(certificate(t, "whatever", "spiffe://example/other", "spiffe://example/berlin"))
	require.NoError(t, err)
	require.Equal(t, Grant{URI: "spiffe://example/berlin", Role: Worker, Namespace: "fermata", Queues: []string{"fermata.compute.berlin"}}, g)
	g, err = all.Of(certificate(t, "operators.example"))
	require.NoError(t, err)
	require.Equal(t, Operator, g.Role)
}

func TestACertificateWithoutAClearRoleHasNone(t *testing.T) {
	t.Parallel()
	all, err := parse("roles.yaml", []byte(good))
	require.NoError(t, err)
	for why, c := range map[string]*x509.Certificate{
		"nobody knows it":             certificate(t, "somebody"),
		"a part of a URI":             certificate(t, "", "spiffe://example/berlin/2"),
		"another case":                certificate(t, "Operators.example"),
		"a URI in the common name":    certificate(t, "spiffe://example/berlin"),
		"a common name among URIs":    certificate(t, "", "operators.example"),
		"nothing at all":              certificate(t, ""),
		"two roles at the same time":  certificate(t, "operators.example", "spiffe://example/berlin"),
		"two roles of the same field": certificate(t, "", "spiffe://example/workflows", "spiffe://example/berlin"),
	} {
		g, err := all.Of(c)
		require.Error(t, err, why)
		require.Zero(t, g, why)
	}
}

func TestAWrongFileIsRefused(t *testing.T) {
	t.Parallel()
	for grant, says := range map[string]string{
		`{role: reader, namespace: a}`:                                           "expected one of uri and commonName",
		`{uri: "a://b", commonName: c, role: reader, namespace: a}`:              "expected one of uri and commonName",
		`{uri: worker, role: reader, namespace: a}`:                              "expected a URI such as",
		`{commonName: a, role: superuser, namespace: a}`:                         "superuser",
		`{commonName: a, role: reader, namespace: "*"}`:                          "expected the name of a namespace",
		`{commonName: a, role: reader, namespace: ""}`:                           "expected the name of a namespace",
		`{commonName: a, role: worker, namespace: a}`:                            "expected the task queues",
		`{commonName: a, role: worker, namespace: a, queues: [/_sys/fermata/1]}`: "expected the name of a task queue",
		`{commonName: a, role: worker, namespace: a, queues: ["["]}`:             "expected the name of a task queue",
		`{commonName: a, role: reader, namespace: a, queue: [x]}`:                "unknown field",
		`{commonName: a, role: reader}`:                                          "namespace",
		`{commonName: operators.example, role: reader, namespace: a}`:            "which spec.grants[2] has too",
	} {
		_, err := parse("roles.yaml", []byte(good+"    - "+grant+"\n"))
		var problems spec.Problems
		require.ErrorAs(t, err, &problems, grant)
		require.ErrorContains(t, err, says, grant)
	}
}

// A grant that is taken away stops counting while Temporal runs; a slip of the pen changes nothing, and is told.
func TestTheFileIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "roles.yaml")
	write := func(text string) {
		require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	write(good)
	reports := make(chan error, 1000)
	f, err := Open(path, func(err error) { reports <- err })
	require.NoError(t, err)
	of := func() error { _, err := f.Of(certificate(t, "root.example")); return err }
	require.NoError(t, of())
	write("kind: nonsense")
	require.Eventually(t, func() bool { return of() == nil && len(reports) > 0 }, 10*time.Second, 10*time.Millisecond)
	require.ErrorContains(t, <-reports, path)
	write("apiVersion: fermata/v1\nkind: Roles\nspec: {grants: [{commonName: other, role: reader, namespace: a}]}\n")
	require.Eventually(t, func() bool { return of() != nil }, 10*time.Second, 10*time.Millisecond)
	_, err = Open(filepath.Join(t.TempDir(), "nowhere.yaml"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := parse("f", data); err != nil {
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
		}
	})
}
