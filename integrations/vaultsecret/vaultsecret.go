// Package vaultsecret reads secrets from the KV version 2 engine of HashiCorp Vault, or of OpenBao, whose API is the same,
// and keeps new versions there by check-and-set.
//
// secret://vault/kv/web-01/db#password is the field "password" of the secret "web-01/db" in the engine mounted at "kv";
// with @3 at its end, in version 3. API: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2. The driver was
// run against an emulator only.
package vaultsecret

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
)

// limit is the size of the longest answer, in bytes. Vault itself takes requests of 32 MiB, but no secret is that long.
const limit = 1 << 20

// Provider reads secrets from one Vault, and writes those that it may.
type Provider struct {
	base      *url.URL
	namespace string
	writable  []string
	client    func() (*http.Client, error)
	login     *login
}

var _ secret.Keeper = (*Provider)(nil)

// New returns the provider. It opens no file and does not connect: who never asks it for a secret needs neither its CA file
// nor its credential. Faults: Invalid for a bad configuration.
func New(cfg Config) (*Provider, error) {
	base, err := cfg.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading secrets from Vault")
	}
	p := &Provider{base: base, namespace: cfg.Namespace, writable: cfg.Writable}
	p.client = sync.OnceValues(func() (*http.Client, error) { return httpx.New(cfg.http()) })
	p.login = &login{auth: cfg.Auth, send: p.send}
	return p, nil
}

// Read returns the field's current value.
func (p *Provider) Read(ctx context.Context, name string) (secret.Value, error) {
	value, _, err := p.ReadVersion(ctx, name, "")
	return value, err
}

var versionForm = regexp.MustCompile(`^[1-9][0-9]{0,8}$`)

// ReadVersion returns the field in that version, a number from 1.
func (p *Provider) ReadVersion(ctx context.Context, name, version string) (secret.Value, string, error) {
	doing := fmt.Sprintf("reading secret %q", name)
	if err := ctx.Err(); err != nil {
		return secret.Value{}, "", fmt.Errorf("%s: %w", doing, err)
	}
	at, err := placeOf(name)
	if err != nil {
		return secret.Value{}, "", fault.Wrap(fault.KindOf(err), err, doing)
	}
	if version != "" {
		if !versionForm.MatchString(version) {
			return secret.Value{}, "", fault.New(fault.Invalid, "%s: Vault's versions are numbers from 1, found %.40q", doing, version)
		}
		doing += " in version " + version
	}
	got, err := p.data(ctx, at, version, nil)
	if err != nil {
		return secret.Value{}, "", fault.Wrap(fault.KindOf(err), err, doing)
	}
	value, err := got.field(at.field)
	if err != nil {
		return secret.Value{}, "", fault.Wrap(fault.KindOf(err), err, doing)
	}
	return secret.NewValue([]byte(value)), strconv.Itoa(got.Metadata.Version), nil
}

// versionData is one version of a secret.
type versionData struct {
	Data     map[string]json.RawMessage `json:"data"`
	Metadata struct {
		Version      int    `json:"version"`
		DeletionTime string `json:"deletion_time"`
		Destroyed    bool   `json:"destroyed"`
	} `json:"metadata"`
}

// data reads one version; the empty one is the current. Of a NotFound, gone says what is left of the version;
// it is given where something is to be written, else nil.
func (p *Provider) data(ctx context.Context, at place, version string, gone *absence) (versionData, error) {
	query := url.Values{}
	if version != "" {
		query.Set("version", version)
	}
	var out struct {
		Data *versionData `json:"data"`
	}
	err := p.ask(ctx, call{method: http.MethodGet, path: at.mount + "/data/" + at.path, query: query, gone: gone, needs: at.policy("data", gone != nil), doing: "asking Vault"}, &out)
	if err != nil {
		return versionData{}, err
	}
	got := out.Data
	switch {
	case got == nil || got.Data == nil || got.Metadata.Version < 1:
		return versionData{}, fault.New(fault.Invalid, "the answer is not that of a KV version 2 engine: is %s one?", at.mount)
	case version != "" && strconv.Itoa(got.Metadata.Version) != version:
		return versionData{}, fault.New(fault.Invalid, "version %s was asked for and version %d answered", version, got.Metadata.Version)
	}
	return *got, nil
}

// field returns one value. What else the secret holds is told by name only.
func (v versionData) field(name string) (string, error) {
	raw, ok := v.Data[name]
	if !ok {
		return "", fault.New(fault.NotFound, "version %d has no field %q; %s", v.Metadata.Version, name, v.names())
	}
	var text *string
	if json.Unmarshal(raw, &text) != nil || text == nil {
		return "", fault.New(fault.Invalid, "field %q is no text: write it as one", name)
	}
	if *text == "" {
		return "", fault.New(fault.NotFound, "field %q is empty", name)
	}
	return *text, nil
}
