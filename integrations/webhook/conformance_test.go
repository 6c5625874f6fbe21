package webhook_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/notify"
	"fermata/activities/notify/notifytest"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
	"fermata/integrations/webhook"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/hooks"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, notifytest.Bench{Open: func(t *testing.T) notifytest.System { t.Helper(); return setup(t, hooks.Options{}).system() }})
}

// whsec is a secret of 32 bytes, all of them b.
func whsec(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 32)))
}

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	server *hooks.Server
	faults *faults.Faults
	folder string
}

func setup(t *testing.T, o hooks.Options) bench {
	t.Helper()
	b := bench{faults: &faults.Faults{}, folder: t.TempDir()}
	o.Folder, o.Faults = b.folder, b.faults
	if o.Secrets == nil {
		o.Secrets = []string{whsec('a')}
	}
	server, err := hooks.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	b.server = server
	return b
}

func (b bench) config() webhook.Config {
	return webhook.Config{
		URL: b.server.URL(), Secret: "secret://test/good",
		HTTP: httpx.Config{CA: b.server.CAFile(), Proxy: httpx.NoProxy},
	}
}

func (b bench) driver(t *testing.T, change func(*webhook.Config)) *webhook.Driver {
	t.Helper()
	c := b.config()
	if change != nil {
		change(&c)
	}
	d, err := webhook.New(c, secrets{"good": whsec('a'), "other": whsec('b'), "next": whsec('c')}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	return d
}

func (b bench) system() notifytest.System {
	return notifytest.System{
		NoAddresses: []string{"alice@example.net", "-", "#ops", " "},
		New:         func(t *testing.T) notify.Notifier { t.Helper(); return b.driver(t, nil) },
		Delivered:   b.judge,
		LoseNext:    b.faults.LoseNext, FailNext: b.faults.FailNext, ThrottleNext: b.server.ThrottleNext,
		Down:  func(t *testing.T) { t.Helper(); require.NoError(t, b.server.Close()) },
		Blind: true,
		Denied: func(t *testing.T) (notify.Notifier, string) {
			t.Helper()
			return b.driver(t, func(c *webhook.Config) { c.Secret = "secret://test/other" }), strings.TrimPrefix(whsec('b'), "whsec_")
		},
		Untrusted: func(t *testing.T) notify.Notifier {
			t.Helper()
			return b.driver(t, func(c *webhook.Config) { c.HTTP.CA = setup(t, hooks.Options{}).server.CAFile() })
		},
		Unknown: func(t *testing.T) (notify.Notifier, string) {
			t.Helper()
			return b.driver(t, func(c *webhook.Config) { c.URL += "/nobody" }), ""
		},
		Small: func(t *testing.T) notify.Notifier {
			t.Helper()
			return setup(t, hooks.Options{MaxBytes: 2000}).driver(t, nil)
		},
	}
}

// judge reads what the receiver keeps.
func (b bench) judge(t *testing.T) (found []notifytest.Judged) {
	t.Helper()
	for _, n := range b.server.Received() {
		var p struct {
			Type string
			Data map[string]any
		}
		require.NoError(t, json.Unmarshal(n.Body, &p))
		event, ok := strings.CutPrefix(p.Type, "run.")
		require.True(t, ok, p.Type)
		require.Equal(t, n.ID, p.Data["id"])
		one := notifytest.Judged{ID: n.ID, Event: notify.Event(event), Title: p.Data["title"].(string), Raw: string(n.Body)}
		for name, value := range p.Data {
			if name != "text" {
				one.Lines = append(one.Lines, fmt.Sprint(value))
				continue
			}
			for _, line := range value.([]any) {
				one.Lines = append(one.Lines, line.(string))
			}
		}
		found = append(found, one)
	}
	return found
}
