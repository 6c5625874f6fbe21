package scenarios

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"

	"fermata/sandbox/estate"
)

// The judge looks at the systems in ways of its own: property reads, the device's own commands, files, real requests. It
// shares no code with the drivers.

// snapshot is what the estate holds, without what changes by itself.
type snapshot struct {
	Machines []string // "name disks power".
	Rules    string   // The edge's rule set.
	Saved    string   // The edge's file.
	Pool     string   // The balancer's file.
	Runtime  []string // Its servers now: "backend/name address state".
}

func (b *bench) snapshot(t *testing.T) snapshot {
	t.Helper()
	rules, exit := b.Estate.Edge.Exec(t.Context(), "nft list ruleset")
	require.Zero(t, exit, rules)
	saved, _ := b.Estate.Edge.Exec(t.Context(), "cat /etc/nftables.d/fermata.nft 2>/dev/null | grep accept")
	pool, err := b.Estate.Balancer.ReadFile("/etc/haproxy/haproxy.cfg")
	require.NoError(t, err)
	return snapshot{Machines: b.machines(t), Rules: counters.ReplaceAllString(rules, ""), Saved: saved, Pool: string(pool), Runtime: b.servers(t)}
}

var counters = regexp.MustCompile(`counter packets \d+ bytes \d+`)

// machines reads the vCenter's inventory.
func (b *bench) machines(t *testing.T) []string {
	t.Helper()
	ctx := context.Background()
	u, err := url.Parse(b.Estate.VCenter.URL())
	require.NoError(t, err)
	password, err := os.ReadFile(b.secret("vcenter-password"))
	require.NoError(t, err)
	u.User = url.UserPassword(estate.VCenterUser, string(password))
	client := soap.NewClient(u, false)
	client.DefaultTransport().TLSClientConfig = &tls.Config{RootCAs: pool(t, b.Estate.VCenter.CAFile()), MinVersion: tls.VersionTLS12}
	vim, err := vim25.NewClient(ctx, client)
	require.NoError(t, err)
	c := &govmomi.Client{Client: vim, SessionManager: session.NewManager(vim)}
	require.NoError(t, c.Login(ctx, u.User))
	defer func() { _ = c.Logout(ctx) }()
	v, err := view.NewManager(c.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	require.NoError(t, err)
	var vms []mo.VirtualMachine
	require.NoError(t, v.Retrieve(ctx, []string{"VirtualMachine"}, []string{"name", "runtime.powerState", "config.template", "layoutEx.disk"}, &vms))
	var out []string
	for _, vm := range vms {
		if vm.Config == nil || !vm.Config.Template {
			out = append(out, vm.Name+" "+string(vm.Runtime.PowerState))
		}
	}
	slices.Sort(out)
	return out
}

func pool(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	block, _ := pem.Decode(data)
	require.NotNil(t, block)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	p := x509.NewCertPool()
	p.AddCert(certificate)
	return p
}

// servers asks the balancer's socket, by hand, until it answers: in some scenarios it fails on purpose.
func (b *bench) servers(t *testing.T) []string {
	t.Helper()
	var out []string
	require.Eventually(t, func() bool {
		text, ok := b.showStat(t)
		out = parseStat(text)
		return ok
	}, 30*time.Second, 50*time.Millisecond)
	return out
}

func (b *bench) showStat(t *testing.T) (string, bool) {
	t.Helper()
	conn, err := b.Estate.Network.Dial(t.Context(), b.Estate.Edge.Address(), estate.BalancerSocket)
	if err != nil {
		return "", false
	}
	defer func() { _ = conn.Close() }()
	if _, err = conn.Write([]byte("show stat\n")); err != nil {
		return "", false
	}
	data, err := io.ReadAll(conn)
	return string(data), err == nil && strings.HasPrefix(string(data), "# pxname")
}

func parseStat(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Split(line, ",")
		if len(f) > 17 && f[0] == estate.Backend && f[1] != "BACKEND" && f[1] != "FRONTEND" {
			out = append(out, f[0]+"/"+f[1]+" "+f[17])
		}
	}
	return out
}

// ask requests a page of the service as a user does.
func (b *bench) ask(t *testing.T, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(b.Estate.ServiceURL(), "/")+path, nil)
	require.NoError(t, err)
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}

func (b *bench) secret(name string) string { return b.Folder + "/secrets/" + name }
