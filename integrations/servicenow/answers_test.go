package servicenow_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/ticketing/ticketingtest"
	"fermata/integrations/servicenow"
)

func TestThrottled(t *testing.T) {
	t.Parallel()
	for _, oauth := range []bool{false, true} { // With OAuth it is the token that is refused.
		b := setup(t, servicenow.Normal, nil)
		b.oauth = oauth
		b.server.ThrottleNext(1)
		_, err := b.good(t).EnsureTicket(t.Context(), ticketingtest.Op(), request())
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Equal(t, fault.Throttled, fault.KindOf(err))
		require.Equal(t, 7*time.Second, f.After)
		require.Empty(t, b.server.Tickets())
	}
}

// TestExpiredToken: a token can end before its time; a new one is got once.
func TestExpiredToken(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	b.oauth = true
	d := b.good(t)
	for range 3 {
		require.NoError(t, d.Check(t.Context(), "Changes"))
		b.server.ExpireTokens()
	}
	isKind(t, fault.Unauthorized, b.desk(t, "app", "another-secret").Check(t.Context(), "Changes"))
	isKind(t, fault.Unauthorized, b.desk(t, "weak", "weak-weak-weak").Check(t.Context(), "Changes"))
}

// TestRefusals: what a refusal means stands in its text; the same status serves for different things.
func TestRefusals(t *testing.T) {
	t.Parallel()
	rule := `{"error":{"message":"Change Request record could not be updated. Operation against file 'change_request' was aborted by Business Rule 'x^1'","detail":""},"status":"failure"}`
	operation := `{"error":{"message":"Operation Failed","detail":"Operation against file 'change_request' was aborted by Business Rule 'x'"},"status":"failure"}`
	policy := `{"error":{"message":"Operation Failed","detail":"Data Policy Exception: The following fields are mandatory: Risk"},"status":"failure"}`
	acl := `{"error":{"message":"User Not Authorized","detail":"Failed API level ACL Validation"},"status":"failure"}`
	for _, c := range []struct {
		status int
		text   string
		want   fault.Kind
	}{
		{400, rule, fault.Conflict},
		{403, operation, fault.Conflict},
		{500, rule, fault.Conflict},
		{403, policy, fault.Invalid},
		{400, policy, fault.Invalid},
		{403, acl, fault.Unauthorized},
		{401, "", fault.Unauthorized},
		{400, "{}", fault.Invalid},
		{400, "[]", fault.Invalid},
		{409, acl, fault.Conflict},
		{429, rule[:20], fault.Throttled},
		{502, "<html>", fault.Unavailable},
		{503, acl, fault.Unavailable},
		{302, "", fault.Invalid},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.text))
		}))
		t.Cleanup(server.Close)
		_, err := desk(t, at(server.URL), goodPassword).EnsureTicket(t.Context(), ticketingtest.Op(), request())
		isKind(t, c.want, err)
	}
}

func at(url string) servicenow.Config {
	c := servicenow.DefaultConfig()
	c.URL, c.Username, c.Password, c.HTTP.Proxy = url, "fermata", "secret://test/it", "none"
	return c
}

// TestAnswersThatAreNoAnswers: what a wrong address, a sleeping instance or a broken proxy says.
func TestAnswersThatAreNoAnswers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<html>Instance Hibernating page</html>", "", "{}", `{"result":{}}`, `{"result":"x"}`, `{"result":null`, `[]`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
		t.Cleanup(server.Close)
		_, err := desk(t, at(server.URL), goodPassword).EnsureTicket(t.Context(), ticketingtest.Op(), request())
		isKind(t, fault.Invalid, err)
		c := at(server.URL)
		c.Username, c.Password, c.ClientID, c.ClientSecret = "", "", "app", "secret://test/it"
		isKind(t, fault.Invalid, desk(t, c, goodSecret).Check(t.Context(), ""), "access token")
	}
}

// TestSecretsNeverShow: whatever the other side repeats.
func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 401, 403, 404, 500} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("got Authorization: " + r.Header.Get("Authorization") + " and " + r.FormValue("client_secret")))
		}))
		t.Cleanup(server.Close)
		c := at(server.URL)
		err := desk(t, c, goodPassword).Check(t.Context(), "Changes")
		require.Error(t, err)
		require.NotContains(t, err.Error(), goodPassword)
		require.NotContains(t, err.Error(), "ZmVybWF0YT") // base64 of "fermata:".
		c.Username, c.Password, c.ClientID, c.ClientSecret = "", "", "app", "secret://test/it"
		err = desk(t, c, goodSecret).Check(t.Context(), "Changes")
		require.Error(t, err)
		require.NotContains(t, err.Error(), goodSecret)
	}
}
