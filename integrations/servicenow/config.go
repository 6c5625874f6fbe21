package servicenow

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"fermata/activities/secret"
	"fermata/integrations/httpx"
)

// Config is the vendor's part of the configuration of a ServiceNow instance.
type Config struct {
	// URL of the instance: https://example.service-now.com.
	URL string `yaml:"url"`
	// Username and Password are those of the user that Fermata works as (HTTP basic authentication).
	Username string     `yaml:"username,omitempty"`
	Password secret.Ref `yaml:"password,omitempty"`
	// ClientID and ClientSecret are those of an OAuth application with the client credentials grant, instead.
	ClientID     string     `yaml:"clientID,omitempty"`
	ClientSecret secret.Ref `yaml:"clientSecret,omitempty"`
	// Kind is what a ticket is: a change request that is normal, standard or emergency, or an incident.
	Kind Kind `yaml:"kind,omitempty"`
	// Template is the sys_id of the standard change template; for standard changes only.
	Template string `yaml:"template,omitempty"`
	// AssignmentGroup is the name of the group for the tickets of specs that name no queue.
	AssignmentGroup string `yaml:"assignmentGroup,omitempty"`
	// CIClass is the class in the CMDB whose item of the target's name a new ticket is linked with, and in which items are made
	// where a spec names no class: cmdb_ci_server. None: no link, and specs must name it.
	CIClass string `yaml:"ciClass,omitempty"`
	// CloseCode is the choice that a resolved ticket gets; it must be one of the instance's.
	CloseCode string `yaml:"closeCode,omitempty"`
	// HTTP says how the instance is reached: ca, pin, proxy, timeout.
	HTTP httpx.Config `yaml:"http,omitempty"`
}

// Kind says what a ticket is in ServiceNow.
type Kind string

// The kinds of tickets.
const (
	Normal    Kind = "normal"
	Standard  Kind = "standard"
	Emergency Kind = "emergency"
	Incident  Kind = "incident"
)

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config { return Config{Kind: Normal} }

var (
	sysIDForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
	classForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,79}$`)
)

// check reports what is wrong and returns the instance's address without a slash at its end.
func (c Config) check() (*url.URL, error) {
	address, err := checkURL(c.URL)
	if err != nil {
		return nil, err
	}
	if err := c.checkCredential(); err != nil {
		return nil, err
	}
	switch c.Kind {
	case Standard:
		if !sysIDForm.MatchString(c.Template) {
			return nil, errors.New("template: expected the sys_id of a standard change template: 32 digits and letters a to f")
		}
	case Normal, Emergency, Incident:
		if c.Template != "" {
			return nil, fmt.Errorf("template: a ticket of kind %s has none", c.Kind)
		}
	default:
		return nil, fmt.Errorf("kind: expected normal, standard, emergency or incident, found %q", c.Kind)
	}
	if c.AssignmentGroup != "" && !nameable(c.AssignmentGroup) {
		return nil, fmt.Errorf("assignmentGroup: expected the name of a group without ^ and control characters, found %q", c.AssignmentGroup)
	}
	if c.CIClass != "" && !classForm.MatchString(c.CIClass) {
		return nil, fmt.Errorf("ciClass: expected a class such as cmdb_ci_server, found %q", c.CIClass)
	}
	if len(c.CloseCode) > 40 || c.CloseCode != line(c.CloseCode) {
		return nil, fmt.Errorf("closeCode: expected one of the instance's choices, found %q", c.CloseCode)
	}
	return address, nil
}

func (c Config) checkCredential() error {
	switch {
	case c.Username == "" && c.ClientID == "":
		return errors.New("username: expected a username and a password, or a clientID and a clientSecret")
	case c.Username != "" && c.ClientID != "":
		return errors.New("clientID: expected either this or username")
	case c.Username == "" && c.Password != "", c.ClientID == "" && c.ClientSecret != "":
		return errors.New("expected password with username only, and clientSecret with clientID only")
	case strings.ContainsAny(c.Username, ":\r\n"): // RFC 7617, section 2: what follows a colon is the password.
		return errors.New("username: expected no colon and no line break")
	}
	field, ref := "password", c.Password
	if c.ClientID != "" {
		field, ref = "clientSecret", c.ClientSecret
	}
	if _, _, err := ref.Parse(); err != nil {
		return fmt.Errorf("%s: expected a reference secret://provider/name", field)
	}
	return nil
}

func checkURL(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Host == "" || (address.Scheme != "https" && address.Scheme != "http"):
		return nil, errors.New("url: expected the address of an instance such as https://example.service-now.com")
	case address.User != nil:
		return nil, errors.New("url: it holds a credential; use username and password instead")
	case address.RawQuery != "" || address.Fragment != "" || strings.Trim(address.Path, "/") != "":
		return nil, errors.New("url: expected no path, no query and no fragment")
	case address.Scheme == "http" && !loopback(address.Hostname()):
		return nil, errors.New("url: expected https: the credential would cross the network in clear text")
	}
	address.Path, address.RawPath = "", ""
	return address, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
