package nameserver

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"

	"github.com/miekg/dns"

	"fermata/sandbox/estate/faults"
)

// relay passes DNS messages over TCP on to the server, and can refuse a question or lose the answer to an update.
type relay struct {
	listener net.Listener
	behind   string
	faults   *faults.Faults
	group    sync.WaitGroup
}

func newRelay(behind string, f *faults.Faults) (*relay, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: listener, behind: behind, faults: f}
	r.group.Go(func() {
		for {
			client, err := listener.Accept()
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

// pass carries one question and all its answers: a transfer has many.
func (r *relay) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	question, err := frame(client)
	if err != nil || r.faults.Refuse(context.Background()) {
		return
	}
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.behind)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if _, err := server.Write(question); err != nil {
		return
	}
	ended := make(chan struct{})
	r.group.Go(func() { // Whoever asked hangs up when it has what it wants.
		_, _ = io.Copy(io.Discard, client)
		_ = server.Close()
		close(ended)
	})
	for {
		answer, err := frame(server)
		if err != nil {
			break
		}
		if changed(question, answer) && r.faults.Lose() {
			break
		}
		if _, err := client.Write(answer); err != nil {
			break
		}
	}
	_ = client.Close()
	<-ended
}

// frame reads a message with its length (RFC 1035, section 4.2.2).
func frame(conn net.Conn) ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(head))
	_, err := io.ReadFull(conn, body)
	return append(head, body...), err
}

// changed reports whether an update was done: its code is 0, and it asked for something.
func changed(question, answer []byte) bool {
	const flags, updates = 2 + 2, 2 + 8 // Behind the length.
	if len(question) < updates+2 || len(answer) < flags+2 {
		return false
	}
	opcode := question[flags] >> 3 & 0xf
	return opcode == dns.OpcodeUpdate && binary.BigEndian.Uint16(question[updates:]) > 0 && answer[flags+1]&0xf == dns.RcodeSuccess
}
