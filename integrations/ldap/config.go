package ldap

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/secret"
)

// Config is the vendor's part of the configuration of a directory.
type Config struct {
	// URL is ldaps://host[:636], or ldap://host[:389] where the connection begins with StartTLS. There is no third way.
	URL string `yaml:"url"`
	// CA is the path of a PEM file with the authorities to trust instead of the machine's.
	CA string `yaml:"ca,omitempty"`
	// Flavour says which attributes an account is written with: openldap, if absent, or activedirectory.
	Flavour string `yaml:"flavour,omitempty"`
	// Bind is the name that the worker logs in with: a DN; for Active Directory user@domain, too.
	Bind string `yaml:"bind"`
	// Password is a reference to its password.
	Password secret.Ref `yaml:"password"`
	// Accounts is the DN of the folder that accounts are made in and looked for in.
	Accounts string `yaml:"accounts"`
	// Groups says where groups are and what they are made of.
	Groups Groups `yaml:"groups"`
	// Mark is the attribute that says whose an account is: description, if absent.
	Mark string `yaml:"mark,omitempty"`
	// Keys say where public SSH keys are kept; absent: nowhere, and an account with keys is refused.
	Keys Keys `yaml:"keys,omitempty"`
	// Disable says how an OpenLDAP keeps an account from logging in.
	Disable Disable `yaml:"disable,omitempty"`
	// Posix gives the accounts of an OpenLDAP what Unix hosts need; absent: they get none of it.
	Posix *Posix `yaml:"posix,omitempty"`
	// UPN is the domain behind the @ of an Active Directory's userPrincipalName; empty: accounts get none.
	UPN string `yaml:"upn,omitempty"`
	// Timeout bounds one question and its answer: 15s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// Groups are groups.
type Groups struct {
	// Base is the DN of the folder that groups are looked for in.
	Base string `yaml:"base"`
	// Class is their object class: groupOfNames, if absent; in Active Directory group.
	Class string `yaml:"class,omitempty"`
	// Member is the attribute that names the members: member, if absent. It holds DNs; memberUid holds login names.
	Member string `yaml:"member,omitempty"`
}

// Keys are kept in an attribute, to which an object class may have to be added first.
type Keys struct {
	Attribute string `yaml:"attribute,omitempty"` // sshPublicKey, altSecurityIdentities.
	Class     string `yaml:"class,omitempty"`     // ldapPublicKey; empty: every account has the attribute.
}

// Disable is one way or the other.
type Disable struct {
	// Policy is the DN of the default policy of slapo-ppolicy, which must have pwdLockout TRUE: accounts are locked by
	// pwdAccountLockedTime then and end by pwdEndTime.
	Policy string `yaml:"policy,omitempty"`
	// Attribute and Value are written instead, where the directory's access rules refuse a login by them.
	Attribute string `yaml:"attribute,omitempty"`
	Value     string `yaml:"value,omitempty"`
}

// Posix is what a Unix host needs of an account (RFC 2307).
type Posix struct {
	UIDs  string `yaml:"uids"`            // Numbers to choose from: 20000-29999.
	GID   int    `yaml:"gid"`             // Number of the accounts' own group.
	Home  string `yaml:"home,omitempty"`  // Folder that home folders are in: /home if absent.
	Shell string `yaml:"shell,omitempty"` // /bin/bash if absent.
}

// The values of Config.Flavour.
const (
	OpenLDAP        = "openldap"
	ActiveDirectory = "activedirectory"
)

const (
	defaultTimeout = 15 * time.Second
	maxTimeout     = time.Minute
	firstUID       = 1000 // Below are a host's own accounts.
	lastUID        = 1<<31 - 2
)

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config {
	return Config{Flavour: OpenLDAP, Mark: "description", Timeout: defaultTimeout}
}

var (
	attributeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`) // RFC 4512, section 2.5, without options.
	hostForm      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
	pathForm      = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
	valueForm     = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)
)

// check reports what is wrong and completes what is absent.
func (c *Config) check() error {
	for _, part := range []func() error{c.checkLogin, c.checkFlavour, c.checkNames, c.checkPosix} {
		if err := part(); err != nil {
			return err
		}
	}
	if c.Timeout <= 0 || c.Timeout > maxTimeout {
		return fmt.Errorf("timeout: expected a length of time up to %s, found %s", maxTimeout, c.Timeout)
	}
	return nil
}

func (c *Config) checkLogin() error {
	if _, _, _, err := address(c.URL); err != nil {
		return err
	}
	if c.Bind == "" || strings.ContainsFunc(c.Bind, func(r rune) bool { return r < ' ' }) {
		return errors.New("bind: expected the name to log in with, such as cn=fermata,ou=services,dc=example,dc=net")
	}
	if c.Flavour == OpenLDAP {
		if err := checkDN("bind", c.Bind); err != nil {
			return err
		}
	}
	if _, _, err := c.Password.Parse(); err != nil {
		return errors.New("password: expected a reference secret://provider/name")
	}
	return nil
}

// address reads the URL: host, host:port, and whether TLS is there from the start.
func address(text string) (host, dial string, implicit bool, err error) {
	u, parseErr := url.Parse(text)
	bad := errors.New("url: expected ldaps://host, or ldap://host for StartTLS, with a port if it is not the usual one")
	if parseErr != nil || (u.Scheme != "ldap" && u.Scheme != "ldaps") || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", "", false, bad
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || (!hostForm.MatchString(u.Hostname()) && net.ParseIP(u.Hostname()) == nil) {
		return "", "", false, bad
	}
	return u.Hostname(), net.JoinHostPort(u.Hostname(), port), u.Scheme == "ldaps", nil
}

func (c *Config) checkFlavour() error {
	switch {
	case c.Flavour == ActiveDirectory && (c.Posix != nil || c.Disable != Disable{}):
		return errors.New("posix, disable: they are for openldap; Active Directory has its own")
	case c.Flavour == ActiveDirectory:
		setDefault(&c.Groups.Class, "group")
	case c.Flavour == OpenLDAP && c.UPN != "":
		return errors.New("upn: it is for activedirectory")
	case c.Flavour == OpenLDAP && (c.Disable.Policy == "") == (c.Disable.Attribute == ""):
		return errors.New("disable: expected either policy or attribute and value: an account that cannot be disabled is not made")
	case c.Flavour != OpenLDAP:
		return fmt.Errorf("flavour: expected openldap or activedirectory, found %q", c.Flavour)
	}
	setDefault(&c.Groups.Class, "groupOfNames")
	setDefault(&c.Groups.Member, "member")
	setDefault(&c.Mark, "description")
	if c.UPN != "" && !hostForm.MatchString(c.UPN) {
		return fmt.Errorf("upn: expected a domain such as example.net, found %q", c.UPN)
	}
	if c.Disable.Policy != "" {
		return checkDN("disable.policy", c.Disable.Policy)
	}
	if c.Disable.Attribute != "" && !valueForm.MatchString(c.Disable.Value) {
		return fmt.Errorf("disable.value: expected a word such as disabled, found %q", c.Disable.Value)
	}
	return nil
}

func (c *Config) checkNames() error {
	for name, dn := range map[string]string{"accounts": c.Accounts, "groups.base": c.Groups.Base} {
		if err := checkDN(name, dn); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"groups.class": c.Groups.Class, "groups.member": c.Groups.Member, "mark": c.Mark, "keys.attribute": c.Keys.Attribute,
		"keys.class": c.Keys.Class, "disable.attribute": c.Disable.Attribute,
	} {
		if text != "" && !attributeForm.MatchString(text) {
			return fmt.Errorf("%s: expected the name of an attribute or an object class, found %q", name, text)
		}
	}
	if c.Keys.Attribute == "" && c.Keys.Class != "" {
		return errors.New("keys.class: it goes with keys.attribute")
	}
	return nil
}

func (c *Config) checkPosix() error {
	if c.Posix == nil {
		return nil
	}
	filled := *c.Posix // The caller's stays as it is.
	c.Posix = &filled
	setDefault(&c.Posix.Home, "/home")
	setDefault(&c.Posix.Shell, "/bin/bash")
	if _, _, err := c.Posix.numbers(); err != nil {
		return err
	}
	if c.Posix.GID < 1 || c.Posix.GID > lastUID {
		return fmt.Errorf("posix.gid: expected the number of a group, found %d", c.Posix.GID)
	}
	if !pathForm.MatchString(c.Posix.Home) || !pathForm.MatchString(c.Posix.Shell) {
		return fmt.Errorf("posix.home, posix.shell: expected absolute paths, found %q and %q", c.Posix.Home, c.Posix.Shell)
	}
	return nil
}

// numbers are the first and the last to choose from.
func (p Posix) numbers() (first, last int, err error) {
	from, to, _ := strings.Cut(p.UIDs, "-")
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil || first < firstUID || last > lastUID || first > last {
		return 0, 0, fmt.Errorf("posix.uids: expected numbers from %d such as 20000-29999, found %q", firstUID, p.UIDs)
	}
	return first, last, nil
}

func checkDN(name, dn string) error {
	if parsed, err := ldap.ParseDN(dn); err != nil || len(parsed.RDNs) == 0 {
		return fmt.Errorf("%s: expected a DN such as ou=people,dc=example,dc=net, found %q", name, dn)
	}
	return nil
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}
