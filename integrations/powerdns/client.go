package powerdns

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/integrations/dnsx"
	"fermata/integrations/httpx"
)

// rrset is a record set as the API has it.
type rrset struct {
	Name     string    `json:"name"` // With a dot at the end.
	Type     string    `json:"type"`
	TTL      int       `json:"ttl,omitempty"`
	Change   string    `json:"changetype,omitempty"`
	Records  []entry   `json:"records"`
	Comments []comment `json:"comments"`
}

type entry struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

type comment struct {
	Content    string `json:"content"`
	Account    string `json:"account"`
	ModifiedAt int64  `json:"modified_at,omitempty"`
}

// hit is a comment that a search found.
type hit struct {
	Content string `json:"content"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Zone    string `json:"zone"`
	Object  string `json:"object_type"`
}

// sets reads the record sets of one name in a zone. NotFound: no such zone.
func (d *Driver) sets(ctx context.Context, zone, name string) ([]rrset, error) {
	var answer struct {
		Sets []rrset `json:"rrsets"`
	}
	query := url.Values{"rrset_name": {name + "."}}
	err := d.call(ctx, http.MethodGet, []string{"zones", zone + "."}, query, nil, &answer, "reading "+name+" in zone "+zone)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "%w: is there a zone %s?", err, zone)
	}
	// Version 4.7 shows the comments of the whole zone, as sets without records, whatever name was asked for.
	return slices.DeleteFunc(answer.Sets, func(s rrset) bool { return dnsx.Plain(s.Name) != name }), err
}

// put replaces or deletes one record set.
func (d *Driver) put(ctx context.Context, zone string, s rrset, doing string) error {
	body := map[string][]rrset{"rrsets": {s}}
	return d.call(ctx, http.MethodPatch, []string{"zones", zone + "."}, nil, body, nil, doing)
}

func (d *Driver) call(ctx context.Context, method string, path []string, query url.Values, body, into any, doing string) error {
	target := d.base
	for _, part := range path {
		target = target.JoinPath(url.PathEscape(strings.ReplaceAll(part, "/", "=2F"))) // Zone ids escape so (RFC 2317's have a slash).
	}
	asked := *target
	asked.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // PowerDNS reads a plus as a plus.
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, doing)
		}
		content = bytes.NewReader(text)
	}
	out, err := http.NewRequestWithContext(ctx, method, asked.String(), content)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, doing)
	}
	key, err := d.secrets.Resolve(ctx, d.config.Key)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, doing)
	}
	out.Header.Set("X-API-Key", strings.TrimSpace(key.Text()))
	out.Header.Set("Accept", "application/json")
	if body != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	resp, err := d.http.Do(out)
	if err := httpx.Fault(resp, err, doing); err != nil {
		return refusal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return httpx.Fault(nil, err, doing)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fault.New(fault.Invalid, "%s: the answer cannot be read: is url the address of a PowerDNS? %w", doing, err)
	}
	return nil
}

// refusal corrects the kind of an answer 422 that is about what is there, not about what was asked.
func refusal(err error) error {
	if fault.Is(err, fault.Invalid) && strings.Contains(err.Error(), "Conflicts with pre-existing RRset") {
		return fault.New(fault.Conflict, "%w", err)
	}
	return err
}

// value is a record's content as the port has it: names without the dot at the end.
func value(t dns.Type, content string) string {
	if t == dns.PTR || t == dns.CNAME {
		return strings.ToLower(strings.TrimSuffix(content, "."))
	}
	return content
}

// content is a record's value as the API wants it.
func content(r dns.Record) string {
	if r.Type == dns.PTR {
		return r.Value + "."
	}
	return r.Value
}
