package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"fermata/activities/notify/notifytest"
	"fermata/integrations/httpx"
	"fermata/integrations/webhook"
)

// The specification's own library believes what the driver sends, by either secret, and not by another's.
func TestReferenceLibraryBelievesUs(t *testing.T) {
	t.Parallel()
	verdicts := map[string][]error{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for name, secret := range map[string]string{"good": whsec('a'), "next": whsec('c'), "other": whsec('b')} {
			judge, err := standardwebhooks.NewWebhook(strings.TrimPrefix(secret, "whsec_"))
			if err == nil {
				err = judge.Verify(body, r.Header)
			}
			verdicts[name] = append(verdicts[name], err)
		}
	}))
	t.Cleanup(server.Close)
	d, err := webhook.New(webhook.Config{
		URL: server.URL, Secret: "secret://test/next", Previous: "secret://test/good", HTTP: httpx.Config{Proxy: httpx.NoProxy},
	}, secrets{"good": whsec('a'), "next": whsec('c')}, nil)
	require.NoError(t, err)
	n := notifytest.Notice()
	n.Title = "Prüfung → <b> 😀"
	require.NoError(t, d.Send(t.Context(), "", n))
	require.Equal(t, []error{nil}, verdicts["good"])
	require.Equal(t, []error{nil}, verdicts["next"])
	require.Error(t, verdicts["other"][0])
}
