package ldap

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
)

// bind logs a client in by name and password, if nothing keeps the account out.
func (c *session) bind(op *ber.Packet) result {
	c.who = ""
	if len(op.Children) != 3 || number(op.Children[0]) != 3 {
		return refuse(ldap.LDAPResultProtocolError, "expected a bind request of version 3")
	}
	name, credential := text(op.Children[1]), op.Children[2]
	switch {
	case !c.secure:
		return refuse(ldap.LDAPResultConfidentialityRequired, "confidentiality required")
	case credential.Tag != 0:
		return refuse(ldap.LDAPResultAuthMethodNotSupported, "only simple binds are emulated")
	case name == "" && text(credential) == "":
		return success
	case text(credential) == "" && c.options.Flavour == OpenLDAP:
		return refuse(ldap.LDAPResultUnwillingToPerform, "unauthenticated bind (DN with no password) disallowed")
	case text(credential) == "":
		return success // Active Directory lets it in as nobody.
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	dn, refusal := c.logIn(name, text(credential), time.Now())
	c.who = dn
	return refusal
}

// logIn returns the DN of who is let in.
func (s *Server) logIn(name, password string, now time.Time) (string, result) {
	dn, err := normal(name)
	if err != nil && s.options.Flavour == OpenLDAP {
		return "", refuse(ldap.LDAPResultInvalidDNSyntax, "invalid DN")
	}
	if dn == s.admin && subtle.ConstantTimeCompare([]byte(password), []byte(s.options.AdminPassword)) == 1 {
		return dn, success
	}
	e := s.entries[dn]
	if e == nil && s.options.Flavour == ActiveDirectory {
		dn, e = s.principal(name)
	}
	refused := refuse(ldap.LDAPResultInvalidCredentials, "")
	if s.options.Flavour == ActiveDirectory {
		refused.text = directoryCode("52e")
	}
	if e == nil || dn == s.admin || !matches(e.Secret, password) {
		return "", refused
	}
	if s.options.Flavour == ActiveDirectory {
		if why := keptOut(e, now); why != "" {
			return "", refuse(ldap.LDAPResultInvalidCredentials, directoryCode(why))
		}
	} else if s.locked(e, now) {
		return "", refused // It does not say why.
	}
	return dn, success
}

// locked is what slapo-ppolicy looks at: without a policy it heeds nothing, and a lock only where the policy has pwdLockout.
func (s *Server) locked(e *entry, now time.Time) bool {
	at, _ := normal(s.Policy())
	policy := s.entries[at]
	if policy == nil {
		return false
	}
	if end, err := time.Parse(moment, e.one("pwdendtime")); err == nil && !now.Before(end) {
		return true
	}
	return e.one("pwdaccountlockedtime") != "" && policy.one("pwdlockout") == "TRUE"
}

const (
	moment           = "20060102150405Z"
	disabledBit      = 0x2
	passwordNotNeeds = 0x20
	ticksASecond     = 10_000_000
	epoch            = 116444736000000000 // 1970, in units of 100 ns since 1601.
)

// keptOut is why Active Directory refuses a login with the right password: 533 disabled, 701 expired.
func keptOut(e *entry, now time.Time) string {
	if flags, _ := strconv.Atoi(e.one("useraccountcontrol")); flags&disabledBit != 0 {
		return "533"
	}
	ends, _ := strconv.ParseInt(e.one("accountexpires"), 10, 64)
	if ends != 0 && ends < 1<<63-1 && now.Unix()*ticksASecond+epoch >= ends {
		return "701"
	}
	return ""
}

func directoryCode(data string) string {
	return "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data " + data + ", v4563"
}

// principal finds the account of a userPrincipalName.
func (s *Server) principal(name string) (string, *entry) {
	for at, e := range s.entries {
		if name != "" && strings.EqualFold(e.one("userprincipalname"), name) {
			return at, e
		}
	}
	return "", nil
}

// hash keeps a password: salt and digest, in hex.
func hash(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	return hex.EncodeToString(salt) + " " + digest(salt, password)
}

func digest(salt []byte, password string) string {
	sum := sha256.Sum256(append(append([]byte{}, salt...), password...))
	return hex.EncodeToString(sum[:])
}

func matches(kept, password string) bool {
	salt, sum, found := strings.Cut(kept, " ")
	raw, err := hex.DecodeString(salt)
	return found && err == nil && subtle.ConstantTimeCompare([]byte(digest(raw, password)), []byte(sum)) == 1
}
