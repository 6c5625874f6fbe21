package encryption

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// cookieName is of the cookie that stands for the token. A browser sends it to every port of the host, but only below
// [EndpointPath].
const cookieName = "fermata-codec"

// session is how long a browser may ask without entering the token again.
const session = 12 * time.Hour

// admits reports whether the request shows the token, or a cookie that was given for it. A cookie counts only with an
// origin, which every browser sends with such a request.
func (e Endpoint) admits(r *http.Request, origin string) bool {
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && e.is(given) {
		return true
	}
	cookie, err := r.Cookie(cookieName)
	return err == nil && origin != "" && e.given(cookie.Value, time.Now())
}

// is compares in a time that tells nothing about the token, not even its length.
func (e Endpoint) is(given string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(e.Token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// cookie is until when it counts, and a code that only who has the token can make. The token is not in it.
func (e Endpoint) cookie(until time.Time) string {
	text := strconv.FormatInt(until.Unix(), 10)
	code := hmac.New(sha256.New, []byte("fermata codec cookie\x00"+e.Token))
	code.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(code.Sum(nil))
}

func (e Endpoint) given(value string, now time.Time) bool {
	text, _, _ := strings.Cut(value, ".")
	until, err := strconv.ParseInt(text, 10, 64)
	if err != nil || now.Unix() >= until {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(value), []byte(e.cookie(time.Unix(until, 0)))) == 1
}

const page = `<!doctype html><meta charset="utf-8"><title>Fermata</title>
<form method="post"><label>Token of the codec endpoint <input type="password" name="token" autocomplete="off" autofocus></label>
<button>Show clear text in the web UI</button></form>
`

// enter is the page where a person enters the token and gets the cookie.
func (e Endpoint) enter(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		w.Header().Set(name, value)
	}
	var token string
	switch {
	case r.Method == http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		token = r.PostFormValue("token")
	case r.Method == http.MethodGet && e.Link && r.URL.Query().Has("token"):
		token = r.URL.Query().Get("token")
	case r.Method == http.MethodGet:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page))
		return
	default:
		http.Error(w, "expected GET or POST", http.StatusMethodNotAllowed)
		return
	}
	if !e.is(token) {
		http.Error(w, "this is not the token", http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Without TLS the endpoint listens on loopback only.
		Name: cookieName, Value: e.cookie(time.Now().Add(session)), Path: EndpointPath, MaxAge: int(session.Seconds()),
		HttpOnly: true, Secure: e.TLS || r.Header.Get("X-Forwarded-Proto") == "https", SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, e.Home, http.StatusSeeOther)
}
