package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/probe"
	"fermata/integrations/haproxy"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/repository"
)

// TestHTTPOfAService asks the bed's web application behind HAProxy as a client does, through each state that the two go
// through in a server's life. HAProxy takes connections also when it has nobody to pass them to.
func TestHTTPOfAService(t *testing.T) {
	t.Parallel()
	p := startPool(t)
	jump, login := p.way(p.bastion("clients", "10.10.0.9"), "clients")
	prober := p.prober(t, login(machine.Guest), nil, 20*time.Second)
	ask := func(contains string) (probe.Answer, error) {
		return prober.Get(t.Context(), probe.Request{URL: "http://10.10.0.5/healthz", Contains: contains})
	}
	require.NoError(t, prober.Check(t.Context()))

	answer, err := ask("")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.Equal(t, probe.Answer{Status: http.StatusServiceUnavailable, Body: answer.Body, Remote: "10.10.0.5:80"}, answer, "a pool without members")

	hello := p.hello()
	p.socket("add server " + edge.Backend + "/web-01 10.20.0.9:8080 check inter 100ms")
	p.socket("enable health " + edge.Backend + "/web-01; set server " + edge.Backend + "/web-01 state ready")
	require.NoError(t, p.until(func() error { _, err := ask("hello-web " + repository.New); return err }))
	_, err = ask("hello-web " + repository.Old)
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "another version: %v", err)

	require.NoError(t, hello.Stop())
	require.NoError(t, p.until(func() error {
		if answer, _ := ask(""); answer.Status != http.StatusServiceUnavailable {
			return fault.New(fault.Unavailable, "the pool still has a member: %v", answer)
		}
		return nil
	}), "a member that died")

	answer, err = prober.Get(t.Context(), probe.Request{URL: "http://10.10.0.5:81/"})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.Empty(t, answer.Remote, "nobody is there")
	jump.Cut(true)
	answer, err = ask("")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.Empty(t, answer.Remote, "nobody was asked")
	require.Error(t, prober.Check(t.Context()), "silence proves nothing now")
}

// TestHTTPSOfABalancer: HAProxy ends TLS, and shows whom it is.
func TestHTTPSOfABalancer(t *testing.T) {
	t.Parallel()
	p := startPool(t)
	_, login := p.way(p.bastion("clients", "10.10.0.9"), "clients")
	right, rightCA := certificate(t, "10.10.0.5", time.Hour)
	_, otherCA := certificate(t, "10.10.0.5", time.Hour)
	late, lateCA := certificate(t, "10.10.0.5", -time.Hour)
	require.NoError(t, p.device.WriteFile("/etc/haproxy/right.pem", right))
	require.NoError(t, p.device.WriteFile("/etc/haproxy/late.pem", late))
	config := p.file(t) + `
frontend secure
    bind 10.10.0.5:443 ssl crt /etc/haproxy/right.pem
    bind 10.10.0.5:444 ssl crt /etc/haproxy/late.pem
    http-request redirect location http://elsewhere.example/ if { path /away }
    http-request return status 200 content-type text/plain string it-is-me
`
	require.NoError(t, p.device.WriteFile(haproxy.DefaultFile, config))
	require.NoError(t, p.device.Reload(p.ctx))
	get := func(authority, url string, status int) (probe.Answer, error) {
		return p.prober(t, login(machine.Guest), []byte(authority), 20*time.Second).Get(t.Context(), probe.Request{URL: url, Status: status, Contains: ""})
	}
	answer, err := get(rightCA, "https://10.10.0.5/", 0)
	require.NoError(t, err)
	require.Equal(t, probe.Answer{Status: http.StatusOK, Body: "it-is-me", Remote: "10.10.0.5:443"}, answer)
	_, err = get(rightCA, "https://10.10.0.5/away", http.StatusFound)
	require.NoError(t, err, "a redirect to elsewhere is the answer")
	for url, authority := range map[string]string{"https://10.10.0.5/": otherCA, "https://10.10.0.5:444/": lateCA} {
		_, err = get(authority, url, 0)
		require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%s: %v", url, err)
	}
	answer, err = get(rightCA, "http://10.10.0.5:443/", 0)
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.NotEmpty(t, answer.Remote, "somebody took the connection")
}

// hello starts the application in the servers' network, out of its package.
func (p *pool) hello() *host.Process {
	p.Helper()
	folder := host.Folder(p.T)
	_, err := repository.Build(p.ctx, folder)
	require.NoError(p, err)
	packages, err := filepath.Glob(filepath.Join(folder, "public/pool", repository.Application+"_"+repository.New+"_*.deb"))
	require.NoError(p, err)
	require.Len(p, packages, 1)
	out, err := exec.CommandContext(p.ctx, "dpkg-deb", "--extract", packages[0], folder).CombinedOutput()
	require.NoError(p, err, "%s", out)
	s, err := host.Start(p.ctx, host.Daemon{
		Name: repository.Application, Namespace: p.net.Namespace("servers"),
		Args: []string{filepath.Join(folder, "usr/sbin/hello-web"), "-config", filepath.Join(folder, helloConfig)},
		Ready: func(ctx context.Context) error {
			conn, err := p.net.Dialer("servers", &net.Dialer{})(ctx, "tcp", "10.20.0.9:8080")
			if err == nil {
				err = conn.Close()
			}
			return err
		},
	})
	require.NoError(p, err)
	return s
}

// certificate is a key with a certificate for an address that signs itself, and the same as an authority.
func certificate(t *testing.T, address string, valid time.Duration) (pair, authority string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	until := time.Now().Add(valid)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bed"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.ParseIP(address)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return authority + string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})), authority
}
