// Package metrics lets Debian's Prometheus scrape a worker, evaluate the alerts of deploy/, and check them with promtool.
package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"fermata/testsuite/bed/host"
)

// Packages are what it needs of Debian.
func Packages() []string { return []string{"prometheus"} }

// Prometheus is a running one. It asks its target every second.
type Prometheus struct {
	address string
	process *host.Process
}

// form is its configuration.
const form = `global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: fermata
    static_configs: [{targets: [%q]}]
`

// Start starts a Prometheus with a file of rules that scrapes one target, host:port. All it has is in the folder.
func Start(ctx context.Context, folder, address, rules, target string) (*Prometheus, error) {
	if err := host.Install(ctx, Packages()...); err != nil {
		return nil, err
	}
	configuration := filepath.Join(folder, "prometheus.yml")
	if err := os.WriteFile(configuration, fmt.Appendf(nil, form, rules, target), 0o600); err != nil {
		return nil, fmt.Errorf("configuring Prometheus: %w", err)
	}
	p := &Prometheus{address: address}
	process, err := host.Start(ctx, host.Daemon{
		Name: "Prometheus", Log: filepath.Join(folder, "log"), Grace: 20 * time.Second,
		Args: []string{
			"prometheus", "--config.file=" + configuration, "--storage.tsdb.path=" + filepath.Join(folder, "data"), "--web.listen-address=" + address,
		},
		Ready: func(ctx context.Context) error { return p.get(ctx, "/-/ready", nil) },
	})
	p.process = process
	return p, err
}

// Stop ends it.
func (p *Prometheus) Stop() error { return p.process.Stop() }

// Alert is one that is pending or firing.
type Alert struct {
	State       string            `json:"state"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// Alerts returns those that are pending or firing, by name; of several with one name, one.
func (p *Prometheus) Alerts(ctx context.Context) (map[string]Alert, error) {
	var answer struct {
		Data struct{ Alerts []Alert }
	}
	if err := p.get(ctx, "/api/v1/alerts", &answer); err != nil {
		return nil, err
	}
	all := map[string]Alert{}
	for _, a := range answer.Data.Alerts {
		all[a.Labels["alertname"]] = a
	}
	return all, nil
}

// Count returns how many series an expression has now.
func (p *Prometheus) Count(ctx context.Context, expression string) (int, error) {
	var answer struct {
		Data struct{ Result []json.RawMessage }
	}
	err := p.get(ctx, "/api/v1/query?query="+url.QueryEscape(expression), &answer)
	return len(answer.Data.Result), err
}

func (p *Prometheus) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking Prometheus for %s: %s", path, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// Promtool runs promtool in a folder and returns what it says.
func Promtool(ctx context.Context, folder string, args ...string) (string, error) {
	if err := host.Install(ctx, Packages()...); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "promtool", args...) //nolint:gosec // The bed's own arguments.
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	return string(out), err
}
