package servicenow

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/integrations/httpx"
)

// tokenMargin is how long before its end a token is no longer used.
const tokenMargin = time.Minute

// accessToken is kept in memory only.
type accessToken struct {
	text string
	ends time.Time
}

// authorize gives the request its credential. It tells whether that is a token that was got earlier. Secrets are
// resolved at every use, so they can be renewed at any time.
func (c *client) authorize(ctx context.Context, out *http.Request, fresh bool) (kept bool, err error) {
	if c.config.ClientID == "" {
		password, err := c.secrets.Resolve(ctx, c.config.Password)
		if err != nil {
			return false, err
		}
		out.SetBasicAuth(c.config.Username, password.Text())
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept = !fresh && c.token.text != "" && time.Now().Before(c.token.ends)
	if !kept {
		if c.token, err = c.newToken(ctx); err != nil {
			return false, err
		}
	}
	out.Header.Set("Authorization", "Bearer "+c.token.text)
	return kept, nil
}

// newToken asks for a token with the client credentials grant (RFC 6749, section 4.4; product documentation, page
// "Client Credentials"). What the instance says to a refusal is not repeated: it knows the secret.
func (c *client) newToken(ctx context.Context) (accessToken, error) {
	const doing = "getting an access token"
	value, err := c.secrets.Resolve(ctx, c.config.ClientSecret)
	if err != nil {
		return accessToken{}, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.config.ClientID}, "client_secret": {value.Text()}}
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath("oauth_token.do").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return accessToken{}, fault.Wrap(fault.Invalid, err, doing)
	}
	out.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	out.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(out)
	if err == nil && resp.StatusCode != http.StatusOK {
		status := resp.Status
		return accessToken{}, harmless(fault.Reword(httpx.Fault(resp, nil, doing), doing+": the instance answers "+status))
	}
	if err != nil {
		return accessToken{}, harmless(httpx.Fault(nil, err, doing))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return accessToken{}, harmless(httpx.Fault(nil, err, doing))
	}
	var got struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	if json.Unmarshal(text, &got) != nil || got.Token == "" {
		return accessToken{}, fault.New(fault.Invalid, "%s: the answer holds none: is url the address of an instance that is awake?", doing)
	}
	return accessToken{got.Token, time.Now().Add(time.Duration(got.Seconds)*time.Second - tokenMargin)}, nil
}

// harmless says Unavailable for Ambiguous: a token that nobody got changes nothing.
func harmless(err error) error {
	if fault.Is(err, fault.Ambiguous) {
		return fault.Wrap(fault.Unavailable, err, "")
	}
	return err
}
