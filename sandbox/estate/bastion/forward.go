package bastion

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// loginTime bounds a connection that has not logged in, as sshd's LoginGraceTime.
const loginTime = 30 * time.Second

func (b *Bastion) serve() {
	for {
		raw, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.open[raw] = struct{}{}
		closing := b.ctx.Err() != nil
		b.mu.Unlock()
		if closing {
			_ = raw.Close()
			return
		}
		b.tasks.Go(func() {
			b.connection(raw)
			b.mu.Lock()
			delete(b.open, raw)
			b.mu.Unlock()
		})
	}
}

func (b *Bastion) connection(raw net.Conn) {
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(loginTime)); err != nil {
		return
	}
	config := &ssh.ServerConfig{ServerVersion: "SSH-2.0-Fermata-Bastion", PublicKeyCallback: b.authenticate}
	config.AddHostKey(b.host)
	conn, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		return
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return
	}
	go ssh.DiscardRequests(requests) // Ends with the connection.
	var forwards sync.WaitGroup
	for offered := range channels {
		if offered.ChannelType() != "direct-tcpip" {
			_ = offered.Reject(ssh.Prohibited, "this host only forwards connections")
			continue
		}
		forwards.Go(func() { b.forward(offered) })
	}
	_ = conn.Close()
	forwards.Wait()
}

// destination is what a direct-tcpip channel asks for (RFC 4254, 7.2).
type destination struct {
	Host       string
	Port       uint32
	OriginHost string
	OriginPort uint32
}

func (b *Bastion) forward(offered ssh.NewChannel) {
	var to destination
	if err := ssh.Unmarshal(offered.ExtraData(), &to); err != nil || to.Port > 65535 {
		_ = offered.Reject(ssh.ConnectionFailed, "malformed destination")
		return
	}
	target := net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port)))
	remote, err := b.options.Network.Dial(b.ctx, b.options.From, target)
	if err != nil {
		b.options.Log.Debug("forwarding refused", "to", target, "error", err)
		_ = offered.Reject(ssh.ConnectionFailed, words(err))
		return
	}
	defer remote.Close()
	channel, requests, err := offered.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests)
	stop := make(chan struct{})
	defer close(stop)
	go func() { // Close of the bastion ends copying on both sides.
		select {
		case <-b.ctx.Done():
			_ = remote.Close()
			_ = channel.Close()
		case <-stop:
		}
	}()
	join(channel, remote)
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
