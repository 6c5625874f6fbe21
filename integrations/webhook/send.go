package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"fermata/activities/fault"
	"fermata/activities/notify"
	"fermata/integrations/httpx"
)

// payload is the body, in the form that the specification recommends.
type payload struct {
	Type      string        `json:"type"` // "run.waiting".
	Timestamp time.Time     `json:"timestamp"`
	Data      notify.Notice `json:"data"`
}

// Check proves that the receiver's server answers and that the secrets are there, as notify.Notifier says. Whether the
// receiver believes them, only a notice shows.
func (d *Driver) Check(ctx context.Context) error {
	doing := "asking the webhook at " + d.address.Host
	if _, err := d.keys(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, d.address.String(), nil)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, doing)
	}
	resp, err := d.http.Do(r)
	if err == nil && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
		return resp.Body.Close() // A receiver that takes only POST says so in many ways.
	}
	return httpx.Fault(resp, err, doing)
}

// Send posts the notice, as notify.Notifier says.
func (d *Driver) Send(ctx context.Context, to string, n notify.Notice) error {
	if to != "" {
		return fault.New(fault.Invalid, "posting notice %s: a webhook has one receiver and no address such as %q", notify.Line(n.ID), notify.Line(to))
	}
	n, err := notify.Checked(n)
	if err != nil {
		return err
	}
	r, err := d.request(ctx, n)
	if err != nil {
		return err
	}
	doing := "posting notice " + n.ID
	if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	resp, err := d.http.Do(r)
	if err == nil && resp.StatusCode == http.StatusGone {
		_ = resp.Body.Close()
		return fault.New(fault.Invalid, "%s: %s answers %s: the receiver wants no more notices; take it out of the configuration", doing, d.address.Host, resp.Status)
	}
	if err := httpx.Fault(resp, err, doing); err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fault.New(fault.Invalid, "%s: %s answers %s, which is no answer to a notice", doing, d.address.Host, resp.Status)
	}
	_, _ = io.Copy(io.Discard, resp.Body) // So that the connection is used again. What it says does not matter.
	d.log.Info("a notice was posted", "id", n.ID, "event", n.Event, "host", d.address.Host)
	return nil
}

func (d *Driver) request(ctx context.Context, n notify.Notice) (*http.Request, error) {
	doing := "writing notice " + n.ID
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(payload{Type: "run." + string(n.Event), Timestamp: n.At, Data: n}); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, doing)
	}
	text := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
	keys, err := d.keys(ctx)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.address.String(), bytes.NewReader(text))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, doing)
	}
	at := strconv.FormatInt(d.now().Unix(), 10) // Of the attempt: receivers refuse what is old.
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "fermata")
	r.Header.Set("Webhook-Id", n.ID)
	r.Header.Set("Webhook-Timestamp", at)
	r.Header.Set("Webhook-Signature", sign(keys, n.ID, at, text))
	return r, nil
}
