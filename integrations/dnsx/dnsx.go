// Package dnsx asks DNS servers on behalf of integrations: with time limits, transaction signatures (TSIG, RFC 8945) and one
// translation of answers to faults.
//
// It promises that no key stands in an error, that an answer to a signed message counts only if it is signed by the same
// key, and that the kind of a fault tells whether a change may have happened.
package dnsx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"fermata/activities/fault"
)

// DefaultTimeout bounds one question and its answer.
const DefaultTimeout = 5 * time.Second

// Key signs messages. The zero value signs nothing.
type Key struct {
	Name      string // With a dot at its end.
	Algorithm string // As in the TSIG record: dns.HmacSHA256.
	Secret    string // Base64.
}

// fudge is how many seconds the clocks may differ (RFC 8945, section 10).
const fudge = 300

// Server is a DNS server.
type Server struct {
	Address string // host:port.
	Timeout time.Duration
}

// Address completes an address with the port of DNS. Fault: Invalid.
func Address(text string) (string, error) {
	if ip := net.ParseIP(text); ip != nil || !strings.Contains(text, ":") {
		text = net.JoinHostPort(text, "53")
	}
	host, port, err := net.SplitHostPort(text)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || number < 1 || host == "" || strings.ContainsAny(host, " /@") {
		return "", fault.New(fault.Invalid, "expected the address of a DNS server such as 10.0.0.53 or ns1.example.net:53, found %q", text)
	}
	return text, nil
}

// Exchange sends a message over tcp or udp, signed if there is a key, and returns the answer, whatever its code is. change
// tells whether it asks for a change: then a lost answer is Ambiguous.
func (s Server) Exchange(ctx context.Context, network string, m *dns.Msg, key Key, change bool, doing string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	if err := ctx.Err(); err != nil { // An attempt that was given up must not act.
		return nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, s.Address)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, doing)
	}
	defer func() { _ = raw.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := &dns.Conn{Conn: raw, UDPSize: dns.DefaultMsgSize}
	if key.Name != "" {
		conn.TsigSecret = map[string]string{key.Name: key.Secret}
		m.SetTsig(key.Name, key.Algorithm, fudge, time.Now().Unix())
	}
	lost := fault.Unavailable
	if change {
		lost = fault.Ambiguous
	}
	if err := conn.WriteMsg(m); err != nil {
		if errors.Is(err, dns.ErrSecret) || errors.Is(err, dns.ErrKeyAlg) {
			return nil, fault.New(fault.Invalid, "%s: the TSIG key cannot sign", doing)
		}
		return nil, fault.Wrap(lost, err, doing)
	}
	for {
		answer, err := conn.ReadMsg()
		if answer == nil {
			return nil, fault.Wrap(lost, err, doing)
		}
		if answer.Id != m.Id || !answer.Response { // Of an earlier question, or of nobody we asked.
			if network == "udp" {
				continue
			}
			return nil, fault.New(lost, "%s: %s answers another question", doing, s.Address)
		}
		return answer, s.believed(answer, err, key, lost, doing)
	}
}

// believed refuses an answer that is not signed by the key that the question was signed with.
func (s Server) believed(answer *dns.Msg, err error, key Key, lost fault.Kind, doing string) error {
	if key.Name == "" {
		if err != nil {
			return fault.Wrap(lost, err, doing)
		}
		return nil
	}
	signature := answer.IsTsig()
	switch {
	case signature != nil && answer.Rcode == dns.RcodeNotAuth && signature.Error != 0:
		// RFC 8945, section 5.2: what cannot be verified is refused, and the refusal has no signature.
		return fault.New(fault.Unauthorized, "%s: %s does not take the TSIG key %s (%s)", doing, s.Address, key.Name, refusals[signature.Error])
	case signature != nil && answer.Rcode == dns.RcodeNotAuth && errors.Is(err, dns.ErrAuth):
		return nil // The package verifies no NOTAUTH. It says that the zone is not served, and changes nothing.
	case signature == nil && answer.Rcode == dns.RcodeNotAuth: // PowerDNS does not say what it is that it cannot verify.
		return fault.New(fault.Unauthorized, "%s: %s does not take the TSIG key %s (NOTAUTH): does it know the name, and this secret?", doing, s.Address, key.Name)
	case signature == nil && err == nil && (answer.Rcode == dns.RcodeRefused || answer.Rcode == dns.RcodeFormatError):
		return nil // Some servers sign no refusal. Believing one changes nothing.
	case signature == nil || err != nil:
		return fault.New(lost, "%s: the answer of %s is not signed by the TSIG key %s: it is not believed", doing, s.Address, key.Name)
	}
	return nil
}

// refusals are the errors of RFC 8945, section 3.
var refusals = map[uint16]string{ //nolint:gochecknoglobals // A table.
	dns.RcodeBadSig: "BADSIG: the secret is another", dns.RcodeBadKey: "BADKEY: the server does not know the key's name or its algorithm",
	dns.RcodeBadTime: "BADTIME: the clocks differ by more than five minutes", dns.RcodeBadTrunc: "BADTRUNC",
}

func (s Server) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return DefaultTimeout
}

// Fault translates an answer's code (RFC 1035, section 4.1.1; RFC 2136, section 2.2); nil for NOERROR.
//
//	REFUSED                       Unauthorized
//	NXDOMAIN, NOTAUTH             NotFound: no such name, or the server does not serve the zone
//	YXDOMAIN, YXRRSET, NXRRSET    Conflict: a prerequisite does not hold
//	SERVFAIL                      Unavailable; Ambiguous for a change
//	others                        Invalid
func (s Server) Fault(answer *dns.Msg, change bool, doing string) error {
	if answer.Rcode == dns.RcodeSuccess {
		return nil
	}
	kind := fault.Invalid
	switch answer.Rcode {
	case dns.RcodeRefused:
		kind = fault.Unauthorized
	case dns.RcodeNameError, dns.RcodeNotAuth:
		kind = fault.NotFound
	case dns.RcodeYXDomain, dns.RcodeYXRrset, dns.RcodeNXRrset:
		kind = fault.Conflict
	case dns.RcodeServerFailure:
		kind = fault.Unavailable
		if change {
			kind = fault.Ambiguous
		}
	}
	code := dns.RcodeToString[answer.Rcode]
	if code == "" {
		code = fmt.Sprintf("code %d", answer.Rcode)
	}
	return fault.New(kind, "%s: %s answers %s", doing, s.Address, code)
}
