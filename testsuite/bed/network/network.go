// Package network builds networks out of the kernel's network namespaces, so that a packet filter, a balancer and the
// machines around them exchange real packets on one machine. Nothing is routed outside: no namespace has a link to the
// machine's own.
package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"fermata/testsuite/bed/host"
)

// Packages are what the machine needs for it.
var Packages = []string{"iproute2"} //nolint:gochecknoglobals // A list that nobody changes.

// Network is a set of namespaces and what joins them.
type Network struct {
	id         int64
	mu         sync.Mutex
	namespaces []string // Whole names.
	closers    []func() error
}

// built numbers the networks of this process.
var built atomic.Int64 //nolint:gochecknoglobals // Names of namespaces are global to the machine.

// New returns an empty network. Namespaces that beds left which were killed are removed first.
func New(ctx context.Context) (*Network, error) {
	n := &Network{id: built.Add(1)}
	if n.id == 1 {
		sweep(ctx)
	}
	return n, nil
}

// Namespace is the whole name of one, as host.Daemon and `ip netns` want it.
func (n *Network) Namespace(name string) string { return host.Name(fmt.Sprintf("%d-%s", n.id, name)) }

// Add makes a namespace; its loopback is up.
func (n *Network) Add(ctx context.Context, name string) error {
	whole := n.Namespace(name)
	n.mu.Lock()
	n.namespaces = append(n.namespaces, whole)
	n.mu.Unlock()
	if err := ip(ctx, "netns", "add", whole); err != nil {
		return fmt.Errorf("making namespace %q: %w", name, err)
	}
	// Looking for duplicates of IPv6 addresses takes a second or two in which they are not usable.
	if err := n.tune(name, map[string]string{"ipv6/conf/default/accept_dad": "0", "ipv6/conf/all/accept_dad": "0"}); err != nil {
		return err
	}
	return ip(ctx, "-n", whole, "link", "set", "lo", "up")
}

// End is one end of a cable.
type End struct {
	Namespace string // Name as given to Add.
	Device    string // At most 15 bytes.
	Addresses []netip.Prefix
}

// Join lays a cable between two namespaces.
func (n *Network) Join(ctx context.Context, a, b End) error {
	if err := ip(ctx, "link", "add", "name", a.Device, "netns", n.Namespace(a.Namespace), "type", "veth",
		"peer", "name", b.Device, "netns", n.Namespace(b.Namespace)); err != nil {
		return fmt.Errorf("joining %q and %q: %w", a.Namespace, b.Namespace, err)
	}
	for _, end := range []End{a, b} {
		if err := n.up(ctx, end); err != nil {
			return err
		}
	}
	return nil
}

// Bridge makes a switch in a namespace, which takes part in its network with the addresses. It has a MAC address of its
// own: one that is not told takes the lowest of its ports', so another with each cable, and its neighbours go on for half
// a minute to send to the one it had.
func (n *Network) Bridge(ctx context.Context, at End) error {
	whole := n.Namespace(at.Namespace)
	number := ports.Add(1)
	mac := fmt.Sprintf("02:be:d0:00:%02x:%02x", number>>8&0xff, number&0xff)
	if err := ip(ctx, "-n", whole, "link", "add", "name", at.Device, "address", mac, "type", "bridge"); err != nil {
		return fmt.Errorf("making bridge %q: %w", at.Device, err)
	}
	if err := n.onlySwitch(at.Namespace); err != nil {
		return err
	}
	return n.up(ctx, at)
}

// onlySwitch keeps a namespace's packet filter from what its bridges pass on: kernels with br_netfilter would show it each
// of those packets as one that is forwarded.
func (n *Network) onlySwitch(namespace string) error {
	err := n.tune(namespace, map[string]string{"bridge/bridge-nf-call-iptables": "0", "bridge/bridge-nf-call-ip6tables": "0"})
	if errors.Is(err, os.ErrNotExist) {
		return nil // Without it.
	}
	return err
}

// Plug lays a cable from a namespace to a bridge. mac is the near end's; empty: any.
func (n *Network) Plug(ctx context.Context, near End, mac string, bridge End) error {
	port := fmt.Sprintf("port%d", ports.Add(1))
	args := []string{"link", "add", "name", near.Device, "netns", n.Namespace(near.Namespace)}
	if mac != "" {
		args = append(args, "address", mac)
	}
	args = append(args, "type", "veth", "peer", "name", port, "netns", n.Namespace(bridge.Namespace))
	if err := ip(ctx, args...); err != nil {
		return fmt.Errorf("plugging %q into bridge %q: %w", near.Namespace, bridge.Device, err)
	}
	if err := ip(ctx, "-n", n.Namespace(bridge.Namespace), "link", "set", "dev", port, "master", bridge.Device, "up"); err != nil {
		return fmt.Errorf("plugging %q into bridge %q: %w", near.Namespace, bridge.Device, err)
	}
	return n.up(ctx, near)
}

// ports numbers bridges and their sockets.
var ports atomic.Int64 //nolint:gochecknoglobals // A device's name is short, so it holds no more than a number.

// up switches an end on and gives it its addresses.
func (n *Network) up(ctx context.Context, end End) error {
	if err := ip(ctx, "-n", n.Namespace(end.Namespace), "link", "set", "dev", end.Device, "up"); err != nil {
		return err
	}
	for _, address := range end.Addresses {
		if err := n.AddAddress(ctx, end.Namespace, end.Device, address); err != nil {
			return err
		}
	}
	return nil
}

// AddAddress gives a device an address, at once usable; that it has it already is no error.
func (n *Network) AddAddress(ctx context.Context, namespace, device string, address netip.Prefix) error {
	args := []string{"-n", n.Namespace(namespace), "address", "replace", address.String(), "dev", device}
	if address.Addr().Is6() {
		args = append(args, "nodad") // Else it is tentative until the kernel comes to it, also on loopback.
	}
	return ip(ctx, args...)
}

// RemoveAddress takes an address away.
func (n *Network) RemoveAddress(ctx context.Context, namespace, device string, address netip.Prefix) error {
	return ip(ctx, "-n", n.Namespace(namespace), "address", "delete", address.String(), "dev", device)
}

// Route sends packets for a network to a gateway.
func (n *Network) Route(ctx context.Context, namespace string, to netip.Prefix, via netip.Addr) error {
	return ip(ctx, "-n", n.Namespace(namespace), "route", "replace", to.String(), "via", via.String())
}

// Forwarding makes a namespace a router.
func (n *Network) Forwarding(namespace string) error { return n.forwarding(namespace, "1") }

// NoForwarding makes a namespace one that forwards nothing, as a router is that is off.
func (n *Network) NoForwarding(namespace string) error { return n.forwarding(namespace, "0") }

func (n *Network) forwarding(namespace, value string) error {
	return n.tune(namespace, map[string]string{"ipv4/ip_forward": value, "ipv6/conf/all/forwarding": value})
}

// tune sets the kernel's settings under /proc/sys/net, which shows each thread those of its own namespace.
func (n *Network) tune(namespace string, settings map[string]string) error {
	return n.inside(namespace, func() error {
		for name, value := range settings {
			if err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0); err != nil {
				return fmt.Errorf("setting %s in namespace %q: %w", name, namespace, err)
			}
		}
		return nil
	})
}

// Run runs a command in a namespace with a text as its input, and returns what it printed.
func (n *Network) Run(ctx context.Context, namespace, input string, args ...string) (string, error) {
	args = append([]string{"--net=/run/netns/" + n.Namespace(namespace), "--"}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", args...) //nolint:gosec // The bed's own commands.
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("running %s in namespace %q: %w: %s", strings.Join(args[2:], " "), namespace, err, out)
	}
	return string(out), nil
}

// Remove kills what runs in a namespace and removes it; its cables go with it.
func (n *Network) Remove(ctx context.Context, name string) error {
	whole := n.Namespace(name)
	n.mu.Lock()
	n.namespaces = slices.DeleteFunc(n.namespaces, func(other string) bool { return other == whole })
	n.mu.Unlock()
	return remove(ctx, whole)
}

// Close kills what still runs in the namespaces and removes them.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, closer := range n.closers {
		errs = append(errs, closer())
	}
	for _, name := range n.namespaces {
		errs = append(errs, remove(context.Background(), name))
	}
	n.closers, n.namespaces = nil, nil
	return errors.Join(errs...)
}

// remove kills a namespace's processes and removes it.
func remove(ctx context.Context, whole string) error {
	out, err := exec.CommandContext(ctx, "ip", "netns", "pids", whole).Output() //nolint:gosec // Our own name.
	if err != nil {
		return nil //nolint:nilerr // It was never made.
	}
	for _, field := range strings.Fields(string(out)) {
		var pid int
		if _, err := fmt.Sscan(field, &pid); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return ip(ctx, "netns", "delete", whole)
}

// sweep removes the namespaces of beds whose process is gone.
func sweep(ctx context.Context) {
	paths, _ := filepath.Glob("/run/netns/fermata-*")
	for _, path := range paths {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(path), "fermata-%d-", &pid); err != nil {
			continue
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); errors.Is(err, os.ErrNotExist) {
			_ = remove(ctx, filepath.Base(path))
		}
	}
}

func ip(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput() //nolint:gosec // Our own arguments.
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
