package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/fault"
)

// failure translates what the library returned, nil for nil. What is no answer of the server's is Unavailable, and Ambiguous for
// a change: it was sent.
func failure(err error, change bool, doing string) error {
	if err == nil {
		return nil
	}
	var answer *ldap.Error
	if !errors.As(err, &answer) || answer.ResultCode >= ldap.ErrorNetwork {
		if change {
			return fault.Wrap(fault.Ambiguous, err, doing)
		}
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	return fault.New(kindOf(answer.ResultCode, change), "%s: %w", doing, said{answer})
}

// kindOf reads a result code (RFC 4511, appendix A.2).
//
//	1, 80 operationsError, other              Unavailable; Ambiguous for a change
//	3, 11, 51, 52 timeLimit, adminLimit, busy, unavailable   Unavailable
//	8, 13, 48, 49, 50, 123                    Unauthorized
//	32 noSuchObject                           NotFound
//	16, 20, 53, 66, 68, 71                    Conflict: what is there forbids it
//	all others                                Invalid
func kindOf(code uint16, change bool) fault.Kind {
	switch code {
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		return fault.Unavailable
	case ldap.LDAPResultOperationsError, ldap.LDAPResultOther:
		if change {
			return fault.Ambiguous
		}
		return fault.Unavailable
	case ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired, ldap.LDAPResultInappropriateAuthentication,
		ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultAuthorizationDenied:
		return fault.Unauthorized
	case ldap.LDAPResultNoSuchObject:
		return fault.NotFound
	case ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultUnwillingToPerform,
		ldap.LDAPResultNotAllowedOnNonLeaf, ldap.LDAPResultEntryAlreadyExists, ldap.LDAPResultAffectsMultipleDSAs:
		return fault.Conflict
	}
	return fault.Invalid
}

// code is the result code that the server answered; 0: none.
func code(err error) uint16 {
	var answer *ldap.Error
	if errors.As(err, &answer) && answer.ResultCode < ldap.ErrorNetwork {
		return answer.ResultCode
	}
	return 0
}

// said is a server's answer on one line: the code's name, and what it says itself.
type said struct{ answer *ldap.Error }

// longestText is how much of a server's own words is shown.
const longestText = 200

func (s said) Error() string {
	text := ldap.LDAPResultCodeMap[s.answer.ResultCode]
	if s.answer.Err != nil {
		words := strings.Join(strings.Fields(strings.ToValidUTF8(s.answer.Err.Error(), "?")), " ")
		if words != "" {
			text += ": " + words[:min(len(words), longestText)]
		}
	}
	return strings.ToValidUTF8(text, "")
}

func (s said) Unwrap() error { return s.answer }

// refused translates the answer to a login. The server's words are left out: it could repeat what it was given.
func refused(err error, doing string) error {
	switch c := code(err); {
	case c == 0:
		return fault.Wrap(fault.Unavailable, err, doing)
	case kindOf(c, false) == fault.Invalid || kindOf(c, false) == fault.NotFound || kindOf(c, false) == fault.Conflict:
		return fault.New(fault.Unauthorized, "%s: the directory refuses the login: %s", doing, ldap.LDAPResultCodeMap[c])
	default:
		return fault.New(kindOf(c, false), "%s: the directory refuses the login: %s", doing, ldap.LDAPResultCodeMap[c])
	}
}

// unsecured is the kind of an error before there is TLS.
func unsecured(err error) fault.Kind {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &name):
		return fault.Unauthorized
	case errors.As(err, &record): // No TLS there.
		return fault.Invalid
	case code(err) == ldap.LDAPResultProtocolError, code(err) == ldap.LDAPResultUnwillingToPerform: // It does not do StartTLS.
		return fault.Invalid
	}
	return fault.Unavailable
}
