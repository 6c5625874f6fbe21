package smtp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/notify"
)

// fault translates what a stage answered.
func (s *session) fault(at stage, err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return fault.Wrap(noReply(at, err), err, s.doing)
	}
	enhanced, said := split(reply.Msg)
	kind := kindOf(at, reply.Code, enhanced)
	if at == loggingIn { // A server could repeat what it was given.
		said = "the server refuses the login"
	}
	text := strings.TrimSpace(fmt.Sprintf("%d %s", reply.Code, enhanced))
	if kind == fault.Throttled {
		return fault.Throttle(0, "%s: %s: %s %s", s.doing, at, text, said)
	}
	return fault.New(kind, "%s: %s: %s %s", s.doing, at, text, said)
}

// noReply says what it means that the connection broke or talked nonsense.
func noReply(at stage, err error) fault.Kind {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	var protocol textproto.ProtocolError
	switch {
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &name):
		return fault.Unauthorized
	case at == taking:
		return fault.Ambiguous
	case errors.As(err, &record), errors.As(err, &protocol): // No TLS there, or no SMTP.
		return fault.Invalid
	}
	return fault.Unavailable
}

// kindOf reads a reply's code (RFC 5321, section 4.2) and its enhanced code (RFC 3463), "" where there is none.
//
//	4.7.x                          Throttled: rate limits and greylisting; at the login Unavailable
//	other 4xx                      Unavailable
//	any 5xx at the login, 53x      Unauthorized
//	5.7.x, 5xx in the greeting     Unauthorized; at the end of the text Invalid: the server dislikes the text
//	552, 5.3.4, 5.2.3              Invalid: too large
//	5.2.x                          Conflict: the mailbox is full or closed
//	550, 551, 553, 5.1.x           NotFound, of the recipient
//	other 5xx                      Invalid
func kindOf(at stage, code int, enhanced string) fault.Kind {
	class := func(prefix string) bool { return strings.HasPrefix(enhanced, prefix) }
	switch {
	case code < 500 && class("4.7.") && at != loggingIn:
		return fault.Throttled
	case code < 500:
		return fault.Unavailable
	case at == loggingIn, at == greeting, code == 530, code == 534, code == 535, code == 538:
		return fault.Unauthorized
	case class("5.7."):
		if at == taking {
			return fault.Invalid
		}
		return fault.Unauthorized
	case enhanced == "5.2.3", enhanced == "5.3.4":
		return fault.Invalid
	case class("5.2."):
		return fault.Conflict
	case at == recipient && (class("5.1.") || enhanced == "" && (code == 550 || code == 551 || code == 553)):
		return fault.NotFound
	}
	return fault.Invalid
}

var enhancedForm = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})\s*`)

// split takes the enhanced code off a reply's text, and makes the text one line.
func split(text string) (enhanced, said string) {
	if m := enhancedForm.FindStringSubmatch(text); m != nil {
		enhanced = m[1]
		text = text[len(m[0]):]
	}
	return enhanced, notify.Line(text)
}
