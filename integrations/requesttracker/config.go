package requesttracker

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/integrations/httpx"
)

// Config is the vendor's part of the configuration of a Request Tracker.
type Config struct {
	// URL of the web interface: https://rt.example.net or https://example.net/rt.
	URL string `yaml:"url"`
	// Token is an authentication token of the user that Fermata works as.
	Token secret.Ref `yaml:"token"`
	// Queue takes the tickets of specs that name none.
	Queue string `yaml:"queue,omitempty"`
	// CustomField is the ticket custom field that holds the operation key.
	CustomField string `yaml:"customField,omitempty"`
	// OwnerField is the ticket custom field that holds the owner.
	OwnerField string `yaml:"ownerField,omitempty"`
	// Notes says how a note is added: "comment" (only staff sees it) or "correspond" (the requester gets mail).
	Notes string `yaml:"notes,omitempty"`
	// Status has the words of the queue's lifecycle.
	Status StatusWords `yaml:"status,omitempty"`
	// HTTP says how the server is reached: ca, pin, proxy, timeout.
	HTTP httpx.Config `yaml:"http,omitempty"`
}

// StatusWords are the statuses of a lifecycle that stand for Fermata's.
type StatusWords struct {
	Open     string `yaml:"open,omitempty"`
	Resolved string `yaml:"resolved,omitempty"`
	Rejected string `yaml:"rejected,omitempty"`
}

// DefaultConfig is what a configuration starts from: the words of RT's own lifecycle.
func DefaultConfig() Config {
	return Config{
		CustomField: "Fermata Key", OwnerField: "Fermata Owner", Notes: "comment",
		Status: StatusWords{Open: "open", Resolved: "resolved", Rejected: "rejected"},
	}
}

var (
	// A field's name goes between braces and quotes into a query.
	fieldForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _-]{0,63}$`)
	wordForm  = regexp.MustCompile(`^[a-z][a-z0-9 _-]{0,63}$`)
)

// check reports what is wrong and returns the server's address without a slash at its end.
func (c Config) check() (*url.URL, error) {
	address, err := checkURL(c.URL)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.Token.Parse(); err != nil {
		return nil, errors.New("token: expected a reference secret://provider/name")
	}
	if strings.ContainsAny(c.Queue, "/\\\n\r\x00") {
		return nil, fmt.Errorf("queue: expected the name of a queue, found %q", c.Queue)
	}
	for field, name := range map[string]string{"customField": c.CustomField, "ownerField": c.OwnerField} {
		if !fieldForm.MatchString(name) {
			return nil, fmt.Errorf("%s: expected letters, digits, spaces, _ and -, found %q", field, name)
		}
	}
	if c.CustomField == c.OwnerField {
		return nil, errors.New("ownerField: expected another field than customField")
	}
	if c.Notes != "comment" && c.Notes != "correspond" {
		return nil, fmt.Errorf("notes: expected comment or correspond, found %q", c.Notes)
	}
	return address, c.Status.check()
}

func (w StatusWords) check() error {
	for field, word := range map[string]string{"open": w.Open, "resolved": w.Resolved, "rejected": w.Rejected} {
		if !wordForm.MatchString(word) {
			return fmt.Errorf("status.%s: expected a status of the lifecycle in lower case, found %q", field, word)
		}
	}
	if w.Open == w.Resolved || w.Open == w.Rejected {
		return errors.New("status: expected another word for open than for resolved and rejected")
	}
	return nil
}

func checkURL(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Host == "" || (address.Scheme != "https" && address.Scheme != "http"):
		return nil, errors.New("url: expected the address of a Request Tracker such as https://rt.example.net")
	case address.User != nil:
		return nil, errors.New("url: it holds a credential; use token instead")
	case address.RawQuery != "" || address.Fragment != "":
		return nil, errors.New("url: expected no query and no fragment")
	case address.Scheme == "http" && !loopback(address.Hostname()):
		return nil, errors.New("url: expected https: the token would cross the network in clear text")
	}
	address.Path = strings.TrimSuffix(strings.TrimSuffix(address.Path, "/"), "/REST/2.0")
	address.RawPath = ""
	return address, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// word returns the lifecycle's word for a status.
func (w StatusWords) word(s ticketing.Status) (string, bool) {
	switch s {
	case ticketing.Open:
		return w.Open, true
	case ticketing.Resolved:
		return w.Resolved, true
	case ticketing.Rejected:
		return w.Rejected, true
	}
	return "", false
}

// status reads the lifecycle's word. What is neither resolved nor rejected, nor deleted, still waits for somebody.
func (w StatusWords) status(word string) ticketing.Status {
	switch word {
	case w.Resolved:
		return ticketing.Resolved
	case w.Rejected, "rejected", "deleted":
		return ticketing.Rejected
	case "resolved":
		return ticketing.Resolved
	}
	return ticketing.Open
}
