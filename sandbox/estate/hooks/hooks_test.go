package hooks_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/hooks"
)

var key = strings.Repeat("k", 32)

func start(t *testing.T, folder string) *hooks.Server {
	t.Helper()
	s, err := hooks.Start(hooks.Options{Folder: folder, Plain: true, Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString([]byte(key))}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const body = `{"type":"run.waiting","timestamp":"2026-03-01T12:00:00Z","data":{"id":"ntc_1"}}`

// request is a good one; tests spoil it.
type request struct {
	method, path, id, stamp, signature, media, body string
}

func good() request {
	r := request{method: http.MethodPost, path: "", id: "ntc_1", stamp: strconv.FormatInt(time.Now().Unix(), 10), media: "application/json", body: body}
	return r.signed(key)
}

func (r request) signed(key string) request {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(r.id + "." + r.stamp + "." + r.body))
	r.signature = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return r
}

func (r request) ask(t *testing.T, s *hooks.Server) int {
	t.Helper()
	out, err := http.NewRequestWithContext(t.Context(), r.method, s.URL()+r.path, strings.NewReader(r.body))
	require.NoError(t, err)
	for name, value := range map[string]string{"webhook-id": r.id, "webhook-timestamp": r.stamp, "webhook-signature": r.signature, "Content-Type": r.media} {
		if value != "" {
			out.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(out)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestWhatIsSignedIsTakenOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := start(t, folder)
	require.Equal(t, 204, good().ask(t, s))
	require.Equal(t, 204, good().ask(t, s), "again")
	other := good()
	other.signature = "v1a,abc v1,bm9uc2Vuc2U= " + other.signature
	require.Equal(t, 204, other.ask(t, s), "one of several signatures")
	require.Len(t, s.Received(), 1)
	require.Equal(t, 3, s.Received()[0].Times)
	require.NoError(t, s.Close())

	s = start(t, folder)
	require.Equal(t, body, string(s.Received()[0].Body), "it is found again")
	require.Equal(t, 204, good().ask(t, s))
	second := good()
	second.id = "ntc_2"
	require.Equal(t, 204, second.signed(key).ask(t, s))
	require.Len(t, s.Received(), 2, "and the first is known")
}

func TestWhatIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	at := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	for name, x := range map[string]struct {
		status int
		spoil  func(r request) request
	}{
		"another key":         {401, func(r request) request { return r.signed("x") }},
		"a changed body":      {401, func(r request) request { r.body = strings.Replace(body, "waiting", "ended", 1); return r }},
		"a changed id":        {401, func(r request) request { r.id = "ntc_2"; return r }},
		"a changed time":      {401, func(r request) request { r.stamp = at(-time.Minute); return r }},
		"another version":     {401, func(r request) request { r.signature = "v2" + r.signature[2:]; return r }},
		"no version":          {401, func(r request) request { r.signature = r.signature[3:]; return r }},
		"an empty signature":  {401, func(r request) request { r.signature = "v1,"; return r }},
		"no signature":        {400, func(r request) request { r.signature = ""; return r }},
		"no id":               {400, func(r request) request { r.id = ""; return r.signed(key) }},
		"an id with a dot":    {400, func(r request) request { r.id = "a.b"; return r.signed(key) }},
		"an id with a path":   {400, func(r request) request { r.id = "../a"; return r.signed(key) }},
		"no time":             {400, func(r request) request { r.stamp = ""; return r.signed(key) }},
		"a time that is none": {400, func(r request) request { r.stamp = "now"; return r.signed(key) }},
		"too old":             {400, func(r request) request { r.stamp = at(-301 * time.Second); return r.signed(key) }},
		"from the future":     {400, func(r request) request { r.stamp = at(310 * time.Second); return r.signed(key) }},
		"no JSON":             {422, func(r request) request { r.body = "x"; return r.signed(key) }},
		"no type": {422, func(r request) request {
			r.body = `{"timestamp":"2026-03-01T12:00:00Z","data":{}}`
			return r.signed(key)
		}},
		"no timestamp": {422, func(r request) request { r.body = `{"type":"a","data":{}}`; return r.signed(key) }},
		"no data": {422, func(r request) request {
			r.body = `{"type":"a","timestamp":"2026-03-01T12:00:00Z"}`
			return r.signed(key)
		}},
		"a form":       {415, func(r request) request { r.media = "application/x-www-form-urlencoded"; return r }},
		"too much":     {413, func(r request) request { r.body = strings.Repeat(" ", 21<<10) + body; return r.signed(key) }},
		"a GET":        {405, func(r request) request { r.method = http.MethodGet; return r }},
		"another path": {404, func(r request) request { r.path = "/x"; return r }},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); require.Equal(t, x.status, x.spoil(good()).ask(t, s)) })
	}
	t.Cleanup(func() { require.Empty(t, s.Received()) })
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []hooks.Options{
		{Folder: t.TempDir()},
		{Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString([]byte(key))}},
		{Folder: t.TempDir(), Secrets: []string{key}},
		{Folder: t.TempDir(), Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString([]byte("short"))}},
	} {
		_, err := hooks.Start(o)
		require.Error(t, err)
	}
}
