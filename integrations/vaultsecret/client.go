package vaultsecret

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
)

type call struct {
	method string
	path   string // Below /v1; plain segments.
	query  url.Values
	body   any
	token  secret.Value
	denied int      // Status that stands for a credential that is wrong, beside 401 and 403.
	change bool     // It changes a secret: an answer that is lost leaves open whether it did.
	gone   *absence // Told what is left of what was not found; may be nil.
	needs  string   // The policy without which Vault refuses; may be empty.
	doing  string
}

// absence is what a secret is that cannot be read.
type absence struct {
	newest int // Number of its newest version, which is deleted or destroyed; 0: it never was, or its versions are all forgotten.
}

// ask sends a call with the token, and logs in once more where Vault says that the token is over.
func (p *Provider) ask(ctx context.Context, c call, into any) error {
	token, err := p.login.token(ctx)
	if err != nil {
		return err
	}
	c.token = token
	err = p.send(ctx, c, into)
	if !fault.Is(err, fault.Unauthorized) || !p.login.forget(ctx, token) {
		return err
	}
	if c.token, err = p.login.token(ctx); err != nil {
		return err
	}
	return p.send(ctx, c, into)
}

// send sends one call and decodes the answer; into may be nil.
func (p *Provider) send(ctx context.Context, c call, into any) error {
	client, err := p.client()
	if err != nil {
		return err
	}
	out, err := p.request(ctx, c)
	if err != nil {
		return err
	}
	resp, err := client.Do(out)
	if err != nil {
		if ended := ctx.Err(); ended != nil && !c.change {
			return fmt.Errorf("%s: %w", c.doing, ended)
		}
		return c.lost(httpx.Fault(nil, err, c.doing))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return c.lost(httpx.Fault(nil, err, c.doing))
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return c.lost(refusal(resp, text, c))
	}
	if into == nil {
		return nil
	}
	if json.Unmarshal(text, into) != nil { // The cause is left out: it may quote the answer.
		return fault.New(fault.Invalid, "%s: the answer is not the JSON of Vault: is address that of its API?", c.doing)
	}
	return nil
}

func (p *Provider) request(ctx context.Context, c call) (*http.Request, error) {
	var body io.Reader
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, c.doing)
		}
		body = bytes.NewReader(text)
	}
	target := p.base.JoinPath("v1", c.path)
	target.RawQuery = c.query.Encode()
	out, err := http.NewRequestWithContext(ctx, c.method, target.String(), body)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, c.doing)
	}
	// Without this header, Vault's own agents and proxies refuse where they are told to; it keeps off forged requests.
	out.Header.Set("X-Vault-Request", "true")
	if token := c.token.Text(); token != "" {
		out.Header.Set("X-Vault-Token", token)
	}
	if p.namespace != "" {
		out.Header.Set("X-Vault-Namespace", p.namespace)
	}
	if body != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	return out, nil
}

// lost turns a lost answer into one that may be asked for again, where the call changes no secret. A login whose answer was
// lost leaves a token that runs out by itself.
func (c call) lost(err error) error {
	if !c.change && fault.Is(err, fault.Ambiguous) {
		return fault.Wrap(fault.Unavailable, err, "")
	}
	return err
}

// compared is how Vault begins to say that a secret has another version than the one to be replaced.
const compared = "check-and-set parameter did not match"

// refusal says why Vault refuses. A deleted version is a 404 that has data; its metadata say what became of it.
func refusal(resp *http.Response, text []byte, c call) error {
	var said struct {
		Errors []string     `json:"errors"`
		Data   *versionData `json:"data"`
	}
	_ = json.Unmarshal(text, &said) // A proxy in between answers otherwise; the status says enough.
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return c.absent(said.Errors, said.Data)
	case resp.StatusCode == c.denied:
		return fault.New(fault.Unauthorized, "%s: %s", c.doing, sentence(said.Errors))
	case resp.StatusCode == http.StatusForbidden && c.needs != "":
		return fault.New(fault.Unauthorized, "%s: %s; what is needed is a token that counts, with the policy %s", c.doing, sentence(said.Errors), c.needs)
	case resp.StatusCode == http.StatusBadRequest && strings.Contains(sentence(said.Errors), compared):
		return fault.New(fault.Conflict, "%s: %s", c.doing, sentence(said.Errors))
	}
	shown := *resp
	shown.Body = io.NopCloser(strings.NewReader(sentence(said.Errors)))
	return httpx.Fault(&shown, nil, c.doing)
}

// absent is a secret or version that is not there. A path that leads to no engine is no absence, and a web server's page not
// either: only an empty list of errors, and the metadata of a version, are the engine's own words.
func (c call) absent(errors []string, data *versionData) error {
	if c.gone != nil && data != nil {
		c.gone.newest = data.Metadata.Version
	}
	switch {
	case data != nil && data.Metadata.Destroyed:
		return fault.New(fault.NotFound, "%s: version %d was destroyed", c.doing, data.Metadata.Version)
	case data != nil && data.Metadata.DeletionTime != "":
		return fault.New(fault.NotFound, "%s: version %d was deleted; vault kv undelete brings it back", c.doing, data.Metadata.Version)
	case len(errors) == 0 && (errors != nil || c.gone == nil):
		return fault.New(fault.NotFound, "%s: there is no such secret or version", c.doing)
	case c.gone == nil:
		return fault.New(fault.NotFound, "%s: %s", c.doing, sentence(errors))
	}
	return fault.New(fault.Invalid, "%s: there is no KV version 2 engine: %s", c.doing, sentence(errors)) // Nothing to write to.
}

// sentence is what Vault says, on one line.
func sentence(errors []string) string {
	text := strings.Join(strings.Fields(strings.Join(errors, "; ")), " ")
	text = strings.ReplaceAll(strings.TrimPrefix(text, "1 error occurred: "), "* ", "")
	return httpx.Redact(text)
}

// names of the fields, for an error; they are no secrets.
func (v versionData) names() string {
	if len(v.Data) == 0 {
		return "it has none"
	}
	return "it has: " + strings.Join(slices.Sorted(maps.Keys(v.Data)), ", ")
}
