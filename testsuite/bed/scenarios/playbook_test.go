package scenarios

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

// configured is the server that a playbook configures: web-01.
const configured = 0

// The playbook's secret, and where it writes it.
const (
	playSecret = "web-02-token"
	playFile   = "/etc/storefront-token"
)

// playbook is what examples/ansible asks for.
func playbook(t *testing.T) []spec.Play {
	t.Helper()
	const path = "../../../examples/ansible/server.yaml"
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := spec.Parse(path, data)
	require.NoError(t, err)
	return s.Spec.Configuration
}

// configured: the playbook has done what it says, through the bastion, before the application was installed.
func (b *story) configured(t *testing.T) {
	t.Helper()
	s := b.five[configured]
	guest := b.estate.guest(t, s.name)
	text, err := guest.ReadFile("/etc/issue")
	require.NoError(t, err)
	require.Equal(t, "web-01: managed by Fermata for storefront@example.net\n{{ this is text }} & nothing else\n", text)
	secret, err := guest.ReadFile(playFile)
	require.NoError(t, err)
	require.Equal(t, b.planted[playSecret]+"\n", secret)
	other, err := b.estate.guest(t, b.five[configured+1].name).ReadFile(playFile)
	require.NoError(t, err)
	require.Empty(t, other, "no other server was asked for")
}
