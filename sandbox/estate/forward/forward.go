// Package forward is what the estate's SSH servers do with a client that asks for a connection from them (direct-tcpip, RFC 4254,
// section 7.2).
package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// Channel is the type of a channel that asks for it.
const Channel = "direct-tcpip"

// destination is what such a channel asks for.
type destination struct {
	Host       string
	Port       uint32
	OriginHost string
	OriginPort uint32
}

// Serve connects by dial to where the channel asks to go, and carries bytes both ways until an end closes or ctx does. Why it
// could not connect is returned, and answered as sshd does.
func Serve(ctx context.Context, offered ssh.NewChannel, dial func(ctx context.Context, target string) (net.Conn, error)) error {
	var to destination
	if err := ssh.Unmarshal(offered.ExtraData(), &to); err != nil || to.Port > 65535 {
		_ = offered.Reject(ssh.ConnectionFailed, "malformed destination")
		return errors.New("malformed destination")
	}
	remote, err := dial(ctx, net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		_ = offered.Reject(ssh.ConnectionFailed, words(err))
		return err
	}
	defer remote.Close()
	channel, requests, err := offered.Accept()
	if err != nil {
		return err
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests)
	stop := context.AfterFunc(ctx, func() { // Ends copying on both sides.
		_ = remote.Close()
		_ = channel.Close()
	})
	defer stop()
	join(channel, remote)
	return nil
}

// words are what sshd answers when it cannot connect.
func words(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Connection refused"
	case errors.Is(err, syscall.ETIMEDOUT):
		return "Connection timed out"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "No route to host"
	}
	return err.Error()
}

// join copies both ways and passes each end of input on.
func join(channel ssh.Channel, remote net.Conn) {
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(remote, channel) // The end of either side ends the other; there is nobody to tell.
		if half, ok := remote.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	})
	both.Go(func() {
		_, _ = io.Copy(channel, remote)
		_ = channel.CloseWrite()
		_ = channel.Close() // The host is done: nothing that the client still sends can be used.
	})
	both.Wait()
}
