package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"fermata/sandbox/estate"
)

// project reads all lists, each in one request, under a token of its own.
func (j *Judge) project(ctx context.Context) (p project, err error) {
	c, err := j.openCloud(ctx)
	if err != nil {
		return p, err
	}
	for _, list := range []struct {
		service, path, field string
		into                 any
	}{
		{"compute", "/servers/detail", "servers", &p.servers},
		{"network", "/v2.0/ports", "ports", &p.ports},
		{"network", "/v2.0/security-groups", "security_groups", &p.groups},
		{"network", "/v2.0/floatingips", "floatingips", &p.floating},
		{"block-storage", "/volumes/detail", "volumes", &p.volumes},
	} {
		if err := c.list(ctx, c.services[list.service]+list.path, list.field, list.into); err != nil {
			return p, err
		}
	}
	return p, nil
}

// cloud is a session with the cloud, in plain requests.
type cloud struct {
	http     *http.Client
	token    string
	services map[string]string // Addresses, by the catalogue's types.
}

// openCloud logs in as the project's user.
func (j *Judge) openCloud(ctx context.Context) (*cloud, error) {
	password, err := j.secret("cloud-password")
	if err != nil {
		return nil, err
	}
	security, err := trusting(j.Estate.Cloud.CAFile())
	if err != nil {
		return nil, err
	}
	c := &cloud{services: map[string]string{}, http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: security, DisableKeepAlives: true,
	}}}
	domain := map[string]any{"name": "Default"}
	login, err := json.Marshal(map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": estate.CloudUser, "password": password, "domain": domain},
		}},
		"scope": map[string]any{"project": map[string]any{"name": estate.CloudProject, "domain": domain}},
	}})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Token struct {
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	header, err := c.do(ctx, http.MethodPost, j.Estate.Cloud.URL()+"/auth/tokens", login, &answer)
	if err != nil {
		return nil, err
	}
	c.token = header.Get("X-Subject-Token")
	for _, service := range answer.Token.Catalog {
		for _, e := range service.Endpoints {
			if e.Interface == "public" {
				c.services[service.Type] = e.URL
			}
		}
	}
	return c, nil
}

func (c *cloud) list(ctx context.Context, url, field string, into any) error {
	var answer map[string]json.RawMessage
	if _, err := c.do(ctx, http.MethodGet, url, nil, &answer); err != nil {
		return err
	}
	if answer[field+"_links"] != nil {
		return fmt.Errorf("the cloud lists %s on several pages, and the judge reads one", field)
	}
	if err := json.Unmarshal(answer[field], into); err != nil {
		return fmt.Errorf("reading the cloud's %s: %w", field, err)
	}
	return nil
}

func (c *cloud) do(ctx context.Context, method, url string, body []byte, into any) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("X-Auth-Token", c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("asking the cloud: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("the cloud answers %s to %s %s", answer.Status, method, url)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return nil, fmt.Errorf("reading the cloud's answer to %s %s: %w", method, url, err)
	}
	return answer.Header, nil
}
