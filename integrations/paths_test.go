package integrations_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/haproxy"
	probing "fermata/integrations/http"
	"fermata/integrations/linux"
	"fermata/integrations/nftables"
	"fermata/integrations/powerdns"
	"fermata/integrations/requesttracker"
	"fermata/integrations/rfc2136"
	"fermata/integrations/servicenow"
	"fermata/integrations/vsphere"
	"fermata/sandbox/estate/bastion"
	"fermata/sandbox/estate/network"
)

const head = `apiVersion: fermata/v1
kind: Installation
metadata: {name: lab}
spec:
  temporal: {address: "127.0.0.1:7233"}
  encryption: {active: k1, keys: [{id: k1, secret: secret://file/k1}]}
  decisions: {allowedSigners: allowed_signers}
  secrets: {file: {folder: secrets}}
  records: {folder: records}
  systems:
    - name: it
      type: `

// vault has one secret: the private key.
type vault []byte

func (v vault) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue(v), nil
}

// folder is a configuration's folder with a jump host that is running, and files that lie beside the configuration.
type folder struct {
	path string
	jump string // Address of the jump host.
	key  vault
}

func setup(t *testing.T) *folder {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "test")
	require.NoError(t, err)
	jump, err := bastion.Start(bastion.Options{
		Folder: t.TempDir(), Network: network.New(),
		AuthorizedKeys: []string{string(ssh.MarshalAuthorizedKey(signer.PublicKey()))},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, jump.Close()) })
	f := &folder{path: t.TempDir(), jump: jump.Addr(), key: pem.EncodeToMemory(block)}
	f.write(t, "known_hosts", knownhosts.Normalize(jump.Addr())+" "+jump.HostKey()+"\n")
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	f.write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})))
	return f
}

func (f *folder) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(f.path, name), []byte(text), 0o600))
}

// open reads the configuration of one system and opens it, as a worker does.
func (f *folder) open(t *testing.T, i integrations.Integration, text string) (integrations.System, error) {
	t.Helper()
	name := i.Type + ".yaml"
	f.write(t, name, head+i.Type+"\n      config: "+strings.ReplaceAll(text, "JUMP", fmt.Sprintf("{address: %q, user: x, knownHosts: known_hosts}", f.jump)))
	installation, err := config.Load(filepath.Join(f.path, name))
	require.NoError(t, err)
	return i.Open(t.Context(), integrations.Environment{Secrets: f.key}, installation.Systems[0])
}

// Whatever path an integration reads is relative to the file that names it, in which folder a worker is started does
// not matter. The way goes through the jump host, so its known_hosts file was found too.
func TestPathsAreRelativeToTheConfiguration(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, c := range []struct {
		integration integrations.Integration
		text, want  string // What asking the system says; empty: all is well.
	}{
		{nftables.Integration(), "{ssh: {address: 10.1.0.1, user: x, key: secret://file/x, knownHosts: known_hosts, jump: JUMP}}", "No route to host"},
		{haproxy.Integration(), "{socket: /run/x, ssh: {address: 10.1.0.1, user: x, key: secret://file/x, knownHosts: known_hosts, jump: JUMP}}", "No route to host"},
		{haproxy.Integration(), "{socket: '10.1.0.1:9', ssh: {address: 10.1.0.1, user: x, key: secret://file/x, knownHosts: known_hosts, jump: JUMP}}", "No route to host"},
		{linux.Integration(), "{key: secret://file/x, jump: JUMP}", ""},
		{probing.Integration(), "{ca: ca.pem, jump: {address: " + f.jump + ", user: x, key: secret://file/x, knownHosts: known_hosts}}", ""},
		{powerdns.Integration(), "{url: 'https://pdns.test', nameserver: 10.1.0.1, key: secret://file/x, http: {ca: ca.pem}}", ""},
		{rfc2136.Integration(), "{address: ns1.test, key: {name: fermata, secret: secret://file/x}}", ""},
		{requesttracker.Integration(), "{url: 'https://rt.test', token: secret://file/x, http: {ca: ca.pem}}", ""},
		{servicenow.Integration(), "{url: 'https://sn.test', username: x, password: secret://file/x, http: {ca: ca.pem}}", ""},
		{vsphere.Integration(), "{url: 'https://vc.test', username: x, password: secret://file/x, caFile: ca.pem}", ""},
	} {
		system, err := f.open(t, c.integration, c.text)
		require.NoError(t, err, c.text)
		t.Cleanup(func() { _ = system.Close(context.Background()) })
		checked, ok := system.(interface {
			Check(ctx context.Context) error
		})
		if !ok || c.integration.Type == vsphere.Type { // Opening it read the file; nobody is there to ask.
			continue
		}
		err = checked.Check(t.Context())
		if c.want == "" {
			require.NoError(t, err, c.text)
			continue
		}
		require.ErrorContains(t, err, c.want, c.text)
	}
}
