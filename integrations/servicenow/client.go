package servicenow

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
)

// errorBody is how much of a refusal is read.
const errorBody = 16 << 10

// client speaks the instance's REST APIs.
type client struct {
	http    *http.Client
	base    *url.URL
	config  Config
	secrets secret.Resolver

	mu    sync.Mutex
	token accessToken
}

func newClient(c Config, connection *http.Client, base *url.URL, secrets secret.Resolver) *client {
	return &client{http: connection, base: base, config: c, secrets: secrets}
}

type request struct {
	method string
	path   []string // Unescaped.
	query  url.Values
	body   any
	doing  string
}

// call sends a request and decodes the result of the answer. Faults beside those of httpx.Fault: Conflict where a
// business rule forbids a change, Invalid where a data policy asks for a field.
func (c *client) call(ctx context.Context, r request, into any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return httpx.Fault(nil, err, r.doing)
	}
	answer := struct {
		Result json.RawMessage `json:"result"`
	}{}
	if err := json.Unmarshal(text, &answer); err != nil {
		return unreadable(r, err)
	}
	if err := json.Unmarshal(answer.Result, into); err != nil {
		return unreadable(r, err)
	}
	return nil
}

// send asks once, and once more with a new token if the instance says 401 to one that was kept: tokens can be revoked
// before they expire, and a request that is not authenticated has done nothing.
func (c *client) send(ctx context.Context, r request) (*http.Response, error) {
	for fresh := false; ; fresh = true {
		out, kept, err := c.prepare(ctx, r, fresh)
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
			return nil, fault.Wrap(fault.Unavailable, err, r.doing)
		}
		resp, err := c.http.Do(out)
		if err == nil && resp.StatusCode == http.StatusUnauthorized && kept && !fresh {
			_ = resp.Body.Close()
			continue
		}
		if err := judge(resp, err, r.doing); err != nil {
			return nil, err
		}
		return resp, nil
	}
}

// prepare also tells whether the request carries a token that was got earlier.
func (c *client) prepare(ctx context.Context, r request, fresh bool) (out *http.Request, kept bool, err error) {
	target := c.base.JoinPath("api")
	for _, part := range r.path {
		target = target.JoinPath(url.PathEscape(part))
	}
	target.RawQuery = r.query.Encode()
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, false, fault.Wrap(fault.Invalid, err, r.doing)
		}
		body = bytes.NewReader(text)
	}
	out, err = http.NewRequestWithContext(ctx, r.method, target.String(), body)
	if err != nil {
		return nil, false, fault.Wrap(fault.Invalid, err, r.doing)
	}
	out.Header.Set("Accept", "application/json")
	if body != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	kept, err = c.authorize(ctx, out, fresh)
	if err != nil {
		return nil, false, fault.Wrap(fault.KindOf(err), err, r.doing)
	}
	return out, kept, nil
}

// judge corrects the kinds of httpx.Fault by what the instance says: it answers 403 for a business rule and a data
// policy as well as for a missing right ("REST API HTTP response codes"), and the Change Management API 400.
func judge(resp *http.Response, err error, doing string) error {
	if err != nil || resp.StatusCode < 400 {
		return httpx.Fault(resp, err, doing)
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, errorBody))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	refused := httpx.Fault(resp, nil, doing)
	var said struct {
		Error struct {
			Message string `json:"message"`
			Detail  string `json:"detail"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &said) != nil {
		return refused
	}
	switch all := said.Error.Message + " " + said.Error.Detail; {
	case strings.Contains(all, "Data Policy Exception"):
		return fault.New(fault.Invalid, "%w: a data policy of the instance asks for more than this integration fills in", refused)
	case strings.Contains(all, "aborted by Business Rule"):
		return fault.New(fault.Conflict, "%w", refused)
	}
	return refused
}

func unreadable(r request, cause error) error {
	if r.method != http.MethodGet {
		return fault.New(fault.Ambiguous, "%s: the answer cannot be read: %w", r.doing, cause)
	}
	return fault.New(fault.Invalid, "%s: the answer cannot be read: is url the address of an instance that is awake? %w", r.doing, cause)
}
