package ec2

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// mostSkew is how far a request's clock may be off.
const mostSkew = 15 * time.Minute

const algorithm = "AWS4-HMAC-SHA256"

// authorization is the header of that name, taken apart.
type authorization struct {
	keyID, day, region, service string
	headers                     []string // That were signed, in order.
	signature                   string
}

func readAuthorization(text string) (a authorization, whole bool) {
	rest, known := strings.CutPrefix(text, algorithm+" ")
	if !known {
		return a, false
	}
	for _, part := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return a, false
			}
			a.keyID, a.day, a.region, a.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			a.headers = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	return a, a.keyID != "" && a.signature != "" && slices.IsSorted(a.headers) && slices.Contains(a.headers, "host") && slices.Contains(a.headers, "x-amz-date")
}

// authenticate finds the user whose key signed the request.
func (s *Server) authenticate(r *http.Request, body []byte, service string) (*User, error) {
	a, whole := readAuthorization(r.Header.Get("Authorization"))
	if !whole {
		return nil, refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	failure := refuse(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || at.Format("20060102") != a.day || a.region != s.options.Region || a.service != service {
		return nil, failure
	}
	if off := time.Since(at); off > mostSkew || off < -mostSkew {
		return nil, refuse(http.StatusBadRequest, "RequestExpired", "Request has expired.")
	}
	for i := range s.options.Users {
		u := &s.options.Users[i]
		if u.AccessKeyID == a.keyID && hmac.Equal([]byte(sign(u.SecretAccessKey, a, r, body)), []byte(a.signature)) {
			return u, nil
		}
	}
	return nil, failure
}

// sign computes the signature that a request should have.
func sign(secret string, a authorization, r *http.Request, body []byte) string {
	scope := strings.Join([]string{a.day, a.region, a.service, "aws4_request"}, "/")
	text := strings.Join([]string{algorithm, r.Header.Get("X-Amz-Date"), scope, hash(canonical(a, r, body))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.day, a.region, a.service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// canonical is the request in the form that is signed.
func canonical(a authorization, r *http.Request, body []byte) []byte {
	var b bytes.Buffer
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	b.WriteString(r.Method + "\n" + path + "\n" + strings.ReplaceAll(query(r.URL), "+", "%20") + "\n")
	for _, name := range a.headers {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = r.Header.Get("Content-Length")
		}
		b.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	b.WriteString("\n" + strings.Join(a.headers, ";") + "\n" + hash(body))
	return b.Bytes()
}

func query(u *url.URL) string { return u.Query().Encode() } // Sorted by name.

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
