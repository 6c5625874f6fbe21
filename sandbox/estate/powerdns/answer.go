package powerdns

import (
	"fmt"
	"maps"
	"net"
	"strings"
	"time"

	miekg "github.com/miekg/dns"
)

// answer serves DNS on one port, over UDP and TCP.
func (s *Server) answer() error {
	address := s.options.Nameserver
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, packets, err := both(address)
	if err != nil {
		return err
	}
	keys := map[string]string{}
	for _, known := range []map[string]string{s.options.Keys, s.options.Strangers} {
		for name, secret := range known {
			keys[miekg.Fqdn(name)] = secret
		}
	}
	s.at = listener.Addr().String()
	s.tcp = &miekg.Server{Listener: listener, Handler: miekg.HandlerFunc(s.serve), TsigSecret: maps.Clone(keys), MsgAcceptFunc: accept}
	s.udp = &miekg.Server{PacketConn: packets, Handler: miekg.HandlerFunc(s.serve), TsigSecret: keys, MsgAcceptFunc: accept}
	for _, server := range []*miekg.Server{s.tcp, s.udp} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		failed := make(chan error, 1)
		go func() { failed <- server.ActivateAndServe() }()
		select {
		case <-started:
		case err := <-failed:
			return err
		}
	}
	return nil
}

// both listens on the same port over TCP and UDP. A port that is free for one may be taken for the other.
func both(address string) (net.Listener, net.PacketConn, error) {
	var last error
	for range 20 {
		listener, err := net.Listen("tcp", address) //nolint:noctx // It listens at once or not at all.
		if err != nil {
			return nil, nil, err
		}
		packets, err := net.ListenPacket("udp", listener.Addr().String()) //nolint:noctx // See above.
		if err == nil {
			return listener, packets, nil
		}
		last = err
		_ = listener.Close()
	}
	return nil, nil, fmt.Errorf("listening on one port over TCP and UDP: %w", last)
}

func accept(h miekg.Header) miekg.MsgAcceptAction {
	if h.Bits>>15 != 0 {
		return miekg.MsgIgnore
	}
	if h.Qdcount != 1 {
		return miekg.MsgReject
	}
	return miekg.MsgAccept
}

func (s *Server) serve(w miekg.ResponseWriter, r *miekg.Msg) {
	defer func() { // TCP: one question for each connection is enough.
		if w.RemoteAddr().Network() == "tcp" {
			_ = w.Close()
		}
	}()
	if s.options.Faults.Down() {
		return
	}
	m := new(miekg.Msg).SetReply(r)
	signer, bad := signature(w, r)
	switch {
	case bad:
		m.Rcode = miekg.RcodeNotAuth // Without a word on why: 4.7.3 adds no TSIG record.
	case r.Opcode == miekg.OpcodeUpdate:
		if !s.update(m, r, signer) {
			return
		}
	case r.Opcode != miekg.OpcodeQuery:
		m.Rcode = miekg.RcodeNotImplemented
	case r.Question[0].Qtype == miekg.TypeAXFR:
		s.transfer(m, signer)
	default:
		s.query(m)
	}
	if signer != "" {
		m.SetTsig(signer, r.IsTsig().Algorithm, 300, time.Now().Unix())
	}
	if r.IsEdns0() != nil && signer == "" {
		m.SetEdns0(1232, false)
	}
	if w.RemoteAddr().Network() == "udp" {
		m.Truncate(1232)
	}
	_ = w.WriteMsg(m)
}

// signature returns the name of the key that signed, if one did, and whether the signature is bad.
func signature(w miekg.ResponseWriter, r *miekg.Msg) (signer string, bad bool) {
	t := r.IsTsig()
	switch {
	case t == nil:
		return "", false
	case w.TsigStatus() != nil:
		return "", true
	}
	return t.Hdr.Name, false
}

// may reports whether a key may update and transfer.
func (s *Server) may(signer string) bool {
	for name := range s.options.Keys {
		if miekg.Fqdn(name) == signer {
			return true
		}
	}
	return false
}

func (s *Server) query(m *miekg.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := m.Question[0]
	name, z := s.zoneOf(q.Name)
	if z == nil {
		m.Rcode = miekg.RcodeRefused
		return
	}
	m.Authoritative = true
	for _, one := range z.Sets {
		if strings.EqualFold(one.Name, q.Name) && (miekg.StringToType[one.Type] == q.Qtype || one.Type == "CNAME" || q.Qtype == miekg.TypeANY) {
			m.Answer = append(m.Answer, z.resources(one)...)
		}
	}
	if len(m.Answer) > 0 {
		return
	}
	m.Ns = z.resources(z.set(name, "SOA"))
	if !z.exists(q.Name) {
		m.Rcode = miekg.RcodeNameError
	}
}

// transfer answers with the whole zone, in one message (RFC 5936, section 2.2).
func (s *Server) transfer(m *miekg.Msg, signer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.ToLower(m.Question[0].Name)
	z := s.zones[name]
	if z == nil || !s.may(signer) {
		m.Rcode = miekg.RcodeNotAuth
		if z != nil {
			m.Rcode = miekg.RcodeRefused
		}
		return
	}
	m.Authoritative = true
	soa := z.resources(z.set(name, "SOA"))
	m.Answer = append(m.Answer, soa...)
	for _, one := range z.Sets {
		if one.Type != "SOA" {
			m.Answer = append(m.Answer, z.resources(one)...)
		}
	}
	m.Answer = append(m.Answer, soa...)
}
