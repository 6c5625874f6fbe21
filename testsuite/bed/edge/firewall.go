// Package edge makes the machines that stand before the servers: a packet filter with nftables, and a balancer with
// HAProxy, each as its administrator would have set it up for Fermata.
package edge

import (
	"context"
	"fmt"
	"strings"

	"fermata/testsuite/bed/machine"
)

// Packages are what the machines need besides machine.Packages.
var Packages = []string{"nftables", "haproxy"} //nolint:gochecknoglobals // A list that nobody changes.

// rules is the administrator's part of a packet filter. What nothing lets through is counted, so that a test sees at once
// that a packet was dropped.
const rules = `flush ruleset
table inet filter {
	chain fermata {
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
%s		jump fermata
		counter drop comment "final"
	}
}
include "/etc/nftables.d/*.nft"
`

// mainFile is what the nftables service loads.
const mainFile = "/etc/nftables.conf"

// Firewall is a machine that filters what it forwards.
type Firewall struct {
	*machine.Machine
	o machine.Options
}

// StartFirewall boots the machine and loads its rules. Each of admitted is a rule of the administrator's own.
func StartFirewall(ctx context.Context, o machine.Options, admitted ...string) (*Firewall, error) {
	var own strings.Builder
	for _, rule := range admitted {
		own.WriteString("\t\t" + rule + "\n")
	}
	o.Files = map[string]string{
		mainFile: fmt.Sprintf(rules, own.String()), "/etc/nftables.d/README": "Files here are loaded by " + mainFile + ".\n",
	}
	m, err := machine.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	f := &Firewall{m, o}
	return f, f.Load(ctx)
}

// Restart takes the power away and boots the machine again. While it is down nothing is forwarded; what was not in its
// files is gone then.
func (f *Firewall) Restart(ctx context.Context) (err error) {
	f.Kill()
	if err := f.o.Network.NoForwarding(f.o.Namespace); err != nil {
		return err
	}
	// The kernel of a namespace keeps what a machine's own would have lost.
	if _, err := f.o.Network.Run(ctx, f.o.Namespace, "", "nft", "flush", "ruleset"); err != nil {
		return err
	}
	if f.Machine, err = machine.Start(ctx, f.o); err != nil {
		return err
	}
	if err := f.Load(ctx); err != nil {
		return err
	}
	return f.o.Network.Forwarding(f.o.Namespace)
}

// Load does what the nftables service does when the machine boots: what is not in its files is gone.
func (f *Firewall) Load(ctx context.Context) error {
	_, err := f.Run(ctx, "", "nft", "-f", mainFile)
	return err
}

// NFT gives commands at the console.
func (f *Firewall) NFT(ctx context.Context, script string) (string, error) {
	return f.Run(ctx, script, "nft", "-a", "-f", "-")
}

// Dropped is how many packets nothing has let through.
func (f *Firewall) Dropped(ctx context.Context) (int, error) {
	out, err := f.NFT(ctx, "list chain inet filter forward")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(out) {
		var packets int
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "counter packets %d", &packets); err == nil {
			return packets, nil
		}
	}
	return 0, fmt.Errorf("finding the counter of dropped packets in %q", out)
}
