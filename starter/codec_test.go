package starter

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
)

const codecToken = "correct-horse-battery-staple"

type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string { b.Lock(); defer b.Unlock(); return b.Buffer.String() }

func TestCodecServesUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "secrets/codec-token", codecToken+"\n")
	pool := d.certified(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out lockedBuffer
	app := New()
	app.Writer, app.ErrWriter = &out, &out
	app.Metadata[dialKey] = dialer(func(context.Context, client.Options) (runs, error) { return d.fake, nil })
	ended := make(chan error, 1)
	go func() {
		ended <- app.RunContext(ctx, Arrange(app, []string{
			"fermata", "--config", d.config, "codec", "--listen", "127.0.0.1:0",
			"--tls-cert", filepath.Join(d.folder, "cert"), "--tls-key", filepath.Join(d.folder, "certkey"),
			"--origin", "https://temporal.example", "--token", "secret://file/codec-token",
		}))
	}()
	var base string
	require.Eventually(t, func() bool {
		found := regexp.MustCompile(`https://\S+/codec\n`).FindString(out.String())
		base = strings.TrimSpace(found)
		return found != ""
	}, 10*time.Second, 5*time.Millisecond)

	cfg, err := config.Load(d.config)
	require.NoError(t, err)
	keys, err := providers.Keys(t.Context(), cfg)
	require.NoError(t, err)
	sealed, err := keys.DataConverter().ToPayloads("canary")
	require.NoError(t, err)
	body, err := protojson.Marshal(sealed)
	require.NoError(t, err)
	browser := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	for authorization, code := range map[string]int{"Bearer " + codecToken: http.StatusOK, "Bearer x": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/decode", bytes.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", authorization)
		answer, err := browser.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		_ = answer.Body.Close()
		require.Equal(t, code, answer.StatusCode)
		require.Equal(t, code == http.StatusOK, strings.Contains(string(text), "ImNhbmFyeSI"), string(text))
	}
	cancel()
	require.NoError(t, <-ended)
	require.NotContains(t, out.String(), codecToken)
}

// certified writes a certificate for 127.0.0.1 and returns who trusts it.
func (d *desk) certified(t *testing.T) *x509.CertPool {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pair := s.TLS.Certificates[0]
	d.write(t, "cert", pemOf(t, "CERTIFICATE", pair.Certificate[0]))
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	d.write(t, "certkey", pemOf(t, "PRIVATE KEY", key))
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

func TestCodecRefusesWhatIsNotSafe(t *testing.T) {
	t.Parallel()
	good := []string{"codec", "--listen", "127.0.0.1:0", "--origin", "https://temporal.example", "--token", "secret://file/codec-token"}
	for name, x := range map[string]struct {
		args []string
		code int
		text string
	}{
		"no token":          {good[:5], exitInvalid, "who may ask?"},
		"a literal token":   {append(good[:5:5], "--token", codecToken), exitInvalid, "takes a reference"},
		"a lost token":      {append(good[:5:5], "--token", "secret://file/lost"), exitNotFound, "secrets/lost"},
		"a short token":     {append(good[:5:5], "--token", "secret://file/short"), exitInvalid, "5 characters"},
		"no origin":         {append(good[:3:3], "--token", "secret://file/codec-token"), exitInvalid, "the origin of the web UI"},
		"a wildcard":        {append(good[:7:7], "--origin", "*"), exitInvalid, "is no origin"},
		"every address":     {append([]string{"codec", "--listen", "0.0.0.0:0"}, good[3:]...), exitInvalid, "not loopback"},
		"every address, v6": {append([]string{"codec", "--listen", ":0"}, good[3:]...), exitInvalid, "not loopback"},
		"half a pair":       {append(good[:7:7], "--tls-cert", "cert"), exitInvalid, "--tls-cert and --tls-key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.write(t, "secrets/codec-token", codecToken)
			d.write(t, "secrets/short", "short")
			out, errors, code := d.run(t, x.args...)
			require.Equal(t, x.code, code, errors)
			require.Contains(t, errors, x.text)
			require.NotContains(t, out+errors, codecToken)
		})
	}
}

func pemOf(t *testing.T, kind string, der []byte) string {
	t.Helper()
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
