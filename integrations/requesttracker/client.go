package requesttracker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
)

// client speaks REST 2: https://docs.bestpractical.com/rt/5.0/RT/REST2.html.
type client struct {
	http    *http.Client
	base    *url.URL
	token   secret.Ref
	secrets secret.Resolver
}

type request struct {
	method string
	path   []string // Below /REST/2.0, unescaped.
	query  url.Values
	body   any
	match  string // ETag that the object must still have.
	doing  string
}

// call sends a request and decodes the answer. It returns the answer's ETag.
func (c *client) call(ctx context.Context, r request, into any) (etag string, err error) {
	out, err := c.prepare(ctx, r)
	if err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
		return "", fault.Wrap(fault.Unavailable, err, r.doing)
	}
	resp, err := c.http.Do(out)
	if err := httpx.Fault(resp, err, r.doing); err != nil {
		return "", refusal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", httpx.Fault(nil, err, r.doing)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return "", notJSON(r, err)
	}
	return resp.Header.Get("ETag"), nil
}

func (c *client) prepare(ctx context.Context, r request) (*http.Request, error) {
	target := c.base.JoinPath("REST", "2.0")
	for _, part := range r.path {
		target = target.JoinPath(url.PathEscape(part))
	}
	target.RawQuery = r.query.Encode()
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, r.doing)
		}
		body = bytes.NewReader(text)
	}
	out, err := http.NewRequestWithContext(ctx, r.method, target.String(), body)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, r.doing)
	}
	token, err := c.secrets.Resolve(ctx, c.token)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, r.doing)
	}
	out.Header.Set("Authorization", "token "+token.Text())
	out.Header.Set("Accept", "application/json")
	out.Header.Set("Accept-Language", "en") // Refusals come as sentences.
	if body != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	if r.match != "" {
		out.Header.Set("If-Match", r.match)
	}
	return out, nil
}

// permissionDenied is how RT refuses for want of a right where it does not answer 403.
const permissionDenied = "Permission Denied"

// refusal corrects the kind of an answer 400 that is about a right.
func refusal(err error) error {
	if fault.Is(err, fault.Invalid) && strings.Contains(err.Error(), permissionDenied) {
		return fault.New(fault.Unauthorized, "%w: grant the user of the token the right (see the integration's README)", err)
	}
	return err
}

func notJSON(r request, cause error) error {
	if r.method != http.MethodGet {
		return fault.New(fault.Ambiguous, "%s: the answer is not JSON: %w", r.doing, cause)
	}
	return fault.New(fault.Invalid, "%s: the answer is not JSON: is url the address of Request Tracker's web interface? %w", r.doing, cause)
}
