package guest_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/guest"
	"fermata/sandbox/estate/network"
)

// canary is what no guest may ever show.
const canary = "canary-of-the-real-machine"

const diskA, diskB = "6000c291-1111-2222-3333-444455556666", "6000c292-aaaa-bbbb-cccc-ddddeeeeffff"

// fixture is a booted guest with two disks, and a file outside its folder.
type fixture struct {
	t       testing.TB
	net     *network.Network
	machine *guest.Machine
	signer  ssh.Signer
	options guest.Options
	outside string // Path of the canary on the real machine.
	faults  *faults.Faults
}

func setup(t testing.TB, change ...func(*guest.Options)) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{t: t, net: network.New(), outside: filepath.Join(dir, "secret.txt"), faults: &faults.Faults{}}
	require.NoError(t, os.WriteFile(f.outside, []byte(canary), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, canary+"-folder"), 0o700)) // Whatever lists the outside shows its name.
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	f.signer, err = ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	f.options = guest.Options{
		Name: "web-01", Folder: filepath.Join(dir, "guest"), Network: f.net, Address: netip.MustParseAddr("10.20.0.11"), User: "deploy",
		Domain: "estate.test", AuthorizedKeys: []string{string(ssh.MarshalAuthorizedKey(f.signer.PublicKey()))}, Faults: f.faults,
		Disks: []guest.Disk{{UUID: diskA, Bytes: 20 << 30}, {UUID: diskB, Bytes: 5 << 30}},
	}
	for _, do := range change {
		do(&f.options)
	}
	f.open()
	return f
}

// open makes the machine of the options, or finds it again, and boots it.
func (f *fixture) open() {
	f.t.Helper()
	machine, err := guest.New(f.options)
	require.NoError(f.t, err)
	f.machine = machine
	f.t.Cleanup(func() { _ = machine.Close() })
	require.NoError(f.t, machine.Start(f.t.Context()))
	require.NoError(f.t, machine.Booted(f.t.Context()))
}

// dial logs in.
func (f *fixture) dial(user string, signer ssh.Signer) (*ssh.Client, error) {
	conn, err := f.net.Dial(f.t.Context(), netip.MustParseAddr("10.99.0.10"), "10.20.0.11:22")
	if err != nil {
		return nil, err
	}
	trusted, _, _, _, err := ssh.ParseAuthorizedKey([]byte(f.machine.HostKeys()[0]))
	if err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, "10.20.0.11:22", &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(trusted),
	})
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	f.t.Cleanup(func() { _ = client.Close() })
	return client, nil
}

func (f *fixture) client() *ssh.Client {
	f.t.Helper()
	client, err := f.dial("deploy", f.signer)
	require.NoError(f.t, err)
	return client
}

func (f *fixture) sftp() *sftp.Client {
	f.t.Helper()
	client, err := sftp.NewClient(f.client())
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = client.Close() })
	return client
}

// result is what a command answered.
type result struct {
	out, err string
	code     int
}

// ssh runs a line as the unprivileged user, over SSH.
func (f *fixture) ssh(line, stdin string) result {
	f.t.Helper()
	session, err := f.client().NewSession()
	require.NoError(f.t, err)
	defer session.Close()
	var out, errs bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader(stdin), &out, &errs
	err = session.Run(line)
	var exit *ssh.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitStatus()
	} else {
		require.NoError(f.t, err)
	}
	return result{out.String(), errs.String(), code}
}

// root runs a script as root and wants success.
func (f *fixture) root(script string) string {
	f.t.Helper()
	out, code := f.machine.Exec(f.t.Context(), script)
	require.Zero(f.t, code, "%s\n%s", script, out)
	return strings.TrimRight(out, "\n")
}

// refused runs a script as root and wants this exit code, and these words.
func (f *fixture) refused(code int, words, script string) {
	f.t.Helper()
	out, got := f.machine.Exec(f.t.Context(), script)
	require.Equal(f.t, code, got, "%s\n%s", script, out)
	require.Contains(f.t, out, words, script)
}

func background() context.Context { return context.Background() }

func sha(text string) [32]byte { return sha256.Sum256([]byte(text)) }
