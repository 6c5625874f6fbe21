package conformance

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"fermata/activities/firewall"
	"fermata/activities/firewall/firewalltest"
	"fermata/integrations/nftables"
	"fermata/integrations/sshx"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/machine"
)

// TestNftables runs the suite against the kernel's packet filter on a machine that is logged in to by SSH.
func TestNftables(t *testing.T) {
	t.Parallel()
	firewalltest.Run(t, firewalltest.Bench{New: newFilter})
}

// filter is a packet filter between two namespaces, left and right.
type filter struct {
	*lab
	device *edge.Firewall
	hooks
}

func newFilter(t *testing.T) *firewalltest.Device {
	f := &filter{lab: setup(t)}
	require.NoError(f, f.net.Add(f.ctx, "edge"))
	require.NoError(f, f.net.Forwarding("edge"))
	f.leg("left", "edge", []string{"10.254.1.1/30", "fd00:1::1/64"}, []string{"10.254.1.2/30", "fd00:1::2/64"})
	f.leg("right", "edge", []string{"10.254.2.1/30", "fd00:2::1/64"}, []string{"10.254.2.2/30", "fd00:2::2/64"})
	for to, via := range map[string]string{
		"0.0.0.0/0": "10.254.1.2", "::/0": "fd00:1::2", "10.20.0.0/24": "10.254.2.2", "2001:db8::/64": "fd00:2::2",
	} {
		require.NoError(f, f.net.Route(f.ctx, "edge", netip.MustParsePrefix(to), netip.MustParseAddr(via)))
	}
	var err error
	f.device, err = edge.StartFirewall(f.ctx, f.machine("edge-01", "edge", "10.254.1.1"))
	require.NoError(f, err)
	t.Cleanup(func() { require.NoError(t, f.device.Stop()) })
	gate, login := f.way(f.device.Machine, "left")
	driver := func(user string) func(t *testing.T) firewall.Firewall {
		return func(t *testing.T) firewall.Firewall { return f.driver(t, login(user)) }
	}
	return &firewalltest.Device{
		Driver: driver(machine.User), Unprivileged: driver(machine.Guest),
		Passes: f.passes, Runtime: f.runtime, Saved: f.saved,
		File:        func(*testing.T) string { return f.file() },
		SetSaved:    func(t *testing.T, text string) { require.NoError(t, f.device.WriteFile(nftables.DefaultFile, text)) },
		Restart:     func(t *testing.T) { require.NoError(t, f.device.Load(f.ctx)) },
		AddForeign:  func(*testing.T) { f.nft("add rule inet filter fermata tcp dport 22 accept") },
		Copy:        func(*testing.T) { text, _ := f.first(); f.nft("add rule inet filter fermata " + text) },
		Delete:      func(*testing.T) { _, handle := f.first(); f.nft("delete rule inet filter fermata handle " + handle) },
		Widen:       func(*testing.T) { f.widen() },
		OnLook:      f.setOnLook,
		Lose:        f.setLose,
		SetDown:     gate.Cut,
		SetReadOnly: f.setReadOnly,
		DropChain:   func(*testing.T) { f.nft("flush ruleset\nadd table inet filter") },
		// The driver's comment is "fermata", key, owner and name, with blanks between them.
		CommentLimit: nftables.CommentLimit - len("fermata") - 3,
	}
}

func (f *filter) driver(t *testing.T, login sshx.Config) firewall.Firewall {
	t.Helper()
	pool, err := sshx.NewPool(login, f.secret)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return nftables.New(nftables.Config{SSH: login, Sudo: true}, &remote{hooks: &f.hooks, pool: pool})
}

func (f *filter) nft(script string) string {
	f.Helper()
	out, err := f.device.NFT(f.ctx, script)
	require.NoError(f, err)
	return out
}

// runtime lists the rules of the chain with their handles.
func (f *filter) runtime(*testing.T) []string {
	f.Helper()
	var list []string
	for line := range strings.Lines(f.nft("list chain inet filter fermata")) {
		if strings.Contains(line, "daddr") || strings.Contains(line, "dport") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func (f *filter) first() (text, handle string) {
	f.Helper()
	text, handle, _ = strings.Cut(f.runtime(nil)[0], " # handle ")
	return text, handle
}

func (f *filter) widen() {
	f.Helper()
	text, handle := f.first()
	f.nft("delete rule inet filter fermata handle " + handle + "\nadd rule inet filter fermata " + strings.Replace(text, "/24", "/16", 1))
}

func (f *filter) file() string {
	f.Helper()
	text, err := f.device.ReadFile(nftables.DefaultFile)
	require.NoError(f, err)
	return text
}

func (f *filter) saved(*testing.T) []string {
	f.Helper()
	var list []string
	for line := range strings.Lines(f.file()) {
		if strings.Contains(line, " accept comment ") {
			list = append(list, line)
		}
	}
	return list
}

func (f *filter) setReadOnly(on bool) {
	f.Helper()
	mode := map[bool]string{true: "ro", false: "rw"}[on]
	_, err := f.device.Run(f.ctx, "", "mount", "-o", "remount,"+mode, "/")
	require.NoError(f, err)
}

// passes sends a first packet from left to right. The source port is the kernel's choice: the same one again would belong
// to the connection before, which the filter goes on to let through. It did not pass once the filter has counted it.
func (f *filter) passes(t *testing.T, from, to netip.AddrPort, proto string) bool {
	t.Helper()
	for namespace, address := range map[string]netip.Addr{"left": from.Addr(), "right": to.Addr()} {
		require.NoError(t, f.net.AddAddress(f.ctx, namespace, "lo", netip.PrefixFrom(address, address.BitLen())))
	}
	before, err := f.device.Dropped(f.ctx)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(f.ctx, 20*time.Second)
	defer cancel()
	arrived := make(chan error, 1)
	if proto == "tcp" {
		f.knock(ctx, t, from.Addr(), to, arrived)
	} else {
		f.send(ctx, t, from.Addr(), to, arrived)
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-arrived:
			require.NoError(t, err, "neither passed nor dropped")
			return true
		case <-ticker.C:
		}
		if now, err := f.device.Dropped(f.ctx); err == nil && now > before {
			return false
		}
	}
}

// knock connects; arrived gets the outcome.
func (f *filter) knock(ctx context.Context, t *testing.T, from netip.Addr, to netip.AddrPort, arrived chan<- error) {
	t.Helper()
	listener, err := f.net.Listen(ctx, "right", to.String())
	require.NoError(t, err)
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Control: freePort}
	go func() {
		conn, err := f.net.Dialer("left", dialer)(ctx, "tcp", to.String())
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
		arrived <- err
	}()
}

// freePort lets the kernel choose a port when the far side is known.
func freePort(_, _ string, conn syscall.RawConn) (err error) {
	outer := conn.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
	if outer != nil {
		return outer
	}
	return err
}

// send sends a datagram until one arrives.
func (f *filter) send(ctx context.Context, t *testing.T, from netip.Addr, to netip.AddrPort, arrived chan<- error) {
	t.Helper()
	far, err := f.net.ListenPacket(ctx, "right", to.String())
	require.NoError(t, err)
	context.AfterFunc(ctx, func() { _ = far.Close() })
	near, err := f.net.ListenPacket(ctx, "left", netip.AddrPortFrom(from, 0).String())
	require.NoError(t, err)
	context.AfterFunc(ctx, func() { _ = near.Close() })
	_, err = near.WriteTo([]byte("?"), net.UDPAddrFromAddrPort(to))
	require.NoError(t, err)
	go func() {
		_, _, err := far.ReadFrom(make([]byte, 8))
		if err != nil {
			err = fmt.Errorf("waiting for a datagram: %w", err)
		}
		arrived <- err
	}()
}
