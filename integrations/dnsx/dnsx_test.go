package dnsx_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	names "fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/integrations/dnsx"
)

const (
	good  = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ=="
	other = "YW5vdGhlci1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ=="
)

var key = dnsx.Key{Name: "fermata.", Algorithm: dns.HmacSHA256, Secret: good}

// serve answers with the function over TCP and UDP; a nil answer is none.
func serve(t *testing.T, secret string, answer func(w dns.ResponseWriter, r *dns.Msg) *dns.Msg) dnsx.Server {
	t.Helper()
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	packets, err := net.ListenPacket("udp", stream.Addr().String())
	require.NoError(t, err)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		if m := answer(w, r); m != nil {
			_ = w.WriteMsg(m)
		} else {
			_ = w.Close()
		}
	})
	for _, s := range []*dns.Server{
		{Listener: stream, Handler: handler, TsigSecret: map[string]string{"fermata.": secret}, MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }},
		{PacketConn: packets, Handler: handler},
	} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return dnsx.Server{Address: stream.Addr().String(), Timeout: 300 * time.Millisecond}
}

func reply(code int) func(dns.ResponseWriter, *dns.Msg) *dns.Msg {
	return func(_ dns.ResponseWriter, r *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(r, code) }
}

// signed adds a signature by the server's key, with an error if one is given.
func signed(code int, tsigError uint16) func(dns.ResponseWriter, *dns.Msg) *dns.Msg {
	return func(_ dns.ResponseWriter, r *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetRcode(r, code)
		m.SetTsig("fermata.", dns.HmacSHA256, 300, time.Now().Unix())
		m.IsTsig().Error = tsigError
		return m
	}
}

func change(s dnsx.Server, ctx context.Context) error {
	answer, err := s.Exchange(ctx, "tcp", new(dns.Msg).SetUpdate("estate.test."), key, true, "updating")
	if err != nil {
		return err
	}
	return s.Fault(answer, true, "updating")
}

func TestCodesTellTheKindOfAChange(t *testing.T) {
	t.Parallel()
	for code, kind := range map[int]fault.Kind{
		dns.RcodeSuccess: "", dns.RcodeRefused: fault.Unauthorized, dns.RcodeNameError: fault.NotFound, dns.RcodeNotAuth: fault.NotFound,
		dns.RcodeYXDomain: fault.Conflict, dns.RcodeYXRrset: fault.Conflict, dns.RcodeNXRrset: fault.Conflict,
		dns.RcodeServerFailure: fault.Ambiguous, dns.RcodeFormatError: fault.Invalid, dns.RcodeNotImplemented: fault.Invalid, dns.RcodeNotZone: fault.Invalid,
	} {
		err := change(serve(t, good, signed(code, 0)), t.Context())
		require.Equal(t, kind, fault.KindOf(err), "%s: %v", dns.RcodeToString[code], err)
	}
}

func TestAnAnswerIsBelievedOnlyIfTheKeySignedIt(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		server dnsx.Server
		kind   fault.Kind
		text   string
	}{
		"not signed":         {serve(t, good, reply(dns.RcodeSuccess)), fault.Ambiguous, "not signed"},
		"conflict, unsigned": {serve(t, good, reply(dns.RcodeYXRrset)), fault.Ambiguous, "not signed"},
		"by another secret":  {serve(t, other, signed(dns.RcodeSuccess, 0)), fault.Ambiguous, "not signed"},
		"BADSIG":             {serve(t, good, signed(dns.RcodeNotAuth, dns.RcodeBadSig)), fault.Unauthorized, "BADSIG"},
		"BADKEY":             {serve(t, good, signed(dns.RcodeNotAuth, dns.RcodeBadKey)), fault.Unauthorized, "BADKEY"},
		"BADTIME":            {serve(t, good, signed(dns.RcodeNotAuth, dns.RcodeBadTime)), fault.Unauthorized, "BADTIME"},
		"NOTAUTH, unsigned":  {serve(t, good, reply(dns.RcodeNotAuth)), fault.Unauthorized, "NOTAUTH"},
		"refused, unsigned":  {serve(t, good, reply(dns.RcodeRefused)), fault.Unauthorized, "REFUSED"},
		"no answer":          {serve(t, good, func(dns.ResponseWriter, *dns.Msg) *dns.Msg { return nil }), fault.Ambiguous, "updating"},
		"of another question": {serve(t, good, func(w dns.ResponseWriter, r *dns.Msg) *dns.Msg {
			m := reply(dns.RcodeSuccess)(w, r)
			m.Id++
			return m
		}), fault.Ambiguous, "another question"},
	} {
		err := change(x.server, t.Context())
		require.Equal(t, x.kind, fault.KindOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, x.text, name)
		require.NotContains(t, err.Error(), good)
	}
}

func TestNothingIsSentToNobody(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	away := dnsx.Server{Address: l.Addr().String(), Timeout: time.Second}
	require.NoError(t, l.Close())
	require.Equal(t, fault.Unavailable, fault.KindOf(change(away, t.Context())))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked := false
	s := serve(t, good, func(w dns.ResponseWriter, r *dns.Msg) *dns.Msg { asked = true; return signed(0, 0)(w, r) })
	require.Equal(t, fault.Unavailable, fault.KindOf(change(s, ctx)))
	require.False(t, asked)
}

func TestLookupBelievesOnlyAuthority(t *testing.T) {
	t.Parallel()
	answering := func(authoritative, truncated bool, records ...string) dnsx.Server {
		return serve(t, good, func(w dns.ResponseWriter, r *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetReply(r)
			m.Authoritative = authoritative
			if truncated && w.RemoteAddr().Network() == "udp" {
				m.Truncated = true
				return m
			}
			for _, text := range records {
				rr, err := dns.NewRR(text)
				require.NoError(t, err)
				m.Answer = append(m.Answer, rr)
			}
			return m
		})
	}
	const line = "WEB-01.Estate.Test. 300 IN A 10.20.0.11"
	want := []names.Record{{Zone: "estate.test", Name: "web-01.estate.test", Type: names.A, Value: "10.20.0.11", TTL: 300}}
	for _, truncated := range []bool{false, true} {
		found, err := answering(true, truncated, line).Lookup(t.Context(), "estate.test", "web-01.estate.test", names.A)
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
	_, err := answering(false, false, line).Lookup(t.Context(), "estate.test", "web-01.estate.test", names.A)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "a cache is no authority")
	_, err = serve(t, good, reply(dns.RcodeServerFailure)).Lookup(t.Context(), "estate.test", "web-01.estate.test", names.A)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	silent := serve(t, good, func(w dns.ResponseWriter, _ *dns.Msg) *dns.Msg { return nil })
	_, err = silent.Lookup(t.Context(), "estate.test", "web-01.estate.test", names.A)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.53": "10.0.0.53:53", "10.0.0.53:5353": "10.0.0.53:5353", "ns1.example.net": "ns1.example.net:53",
		"fd00::53": "[fd00::53]:53", "[fd00::53]:5353": "[fd00::53]:5353",
	} {
		got, err := dnsx.Address(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", ":53", "10.0.0.53:0", "10.0.0.53:99999", "http://ns1", "a b", "user@ns1", "ns1/x", strings.Repeat(":", 9)} {
		_, err := dnsx.Address(text)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%q", text)
	}
}
