package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"

	"fermata/sandbox/estate/faults"
)

// relay passes LDAP messages on to the server, with TLS on both sides, and can hang up or lose the answer to a change.
type relay struct {
	listener net.Listener
	behind   string
	trust    *tls.Config
	faults   *faults.Faults
	group    sync.WaitGroup
}

func newRelay(behind string, security *tls.Config, f *faults.Faults) (*relay, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(security.Certificates[0].Leaf)
	r := &relay{
		listener: tls.NewListener(listener, security), behind: behind, faults: f,
		trust: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: "localhost"},
	}
	r.group.Go(func() {
		for {
			client, err := r.listener.Accept()
			if err != nil {
				return
			}
			r.group.Go(func() { r.pass(client) })
		}
	})
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) close() error {
	err := r.listener.Close()
	r.group.Wait()
	return err
}

// pass carries messages until one side hangs up. Every request that is answered is answered before the next.
func (r *relay) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	if r.faults.Down() {
		return
	}
	server, err := (&tls.Dialer{Config: r.trust}).DialContext(context.Background(), "tcp", r.behind)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	for {
		request, err := ber.ReadPacket(client)
		if err != nil || len(request.Children) < 2 || r.faults.Refuse(context.Background()) {
			return
		}
		if _, err := server.Write(request.Bytes()); err != nil || request.Children[1].Tag == ldap.ApplicationUnbindRequest {
			return
		}
		if !r.answer(client, server) {
			return
		}
	}
}

// answer carries the answer to one request: entries, then the result.
func (r *relay) answer(client, server net.Conn) bool {
	for {
		answer, err := ber.ReadPacket(server)
		if err != nil || len(answer.Children) < 2 {
			return false
		}
		tag := answer.Children[1].Tag
		if changed(answer) && r.faults.Lose() {
			return false
		}
		if _, err := client.Write(answer.Bytes()); err != nil {
			return false
		}
		if tag != ldap.ApplicationSearchResultEntry && tag != ldap.ApplicationSearchResultReference {
			return true
		}
	}
}

// changed reports whether an answer says that something was changed.
func changed(answer *ber.Packet) bool {
	switch answer.Children[1].Tag {
	case ldap.ApplicationAddResponse, ldap.ApplicationModifyResponse, ldap.ApplicationDelResponse:
		return ldap.GetLDAPError(answer) == nil
	default:
		return false
	}
}
