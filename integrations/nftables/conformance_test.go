package nftables

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/firewall"
	"fermata/activities/firewall/firewalltest"
	"fermata/integrations/sshx"
	"fermata/sandbox/estate/nft"
)

const mainFile = "/etc/nftables.conf"

const mainRules = `flush ruleset
table inet filter {
	chain fermata {
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		jump fermata
		counter drop comment "final"
	}
}
include "/etc/nftables.d/*.nft"
`

// bed is an emulated packet filter on its host.
type bed struct {
	host  *host
	rules *nft.Ruleset
}

func newBed(t *testing.T) *bed {
	t.Helper()
	rules, err := nft.New("")
	require.NoError(t, err)
	b := &bed{host: newHost(), rules: rules}
	b.host.files[mainFile] = []byte(mainRules)
	b.host.commands["nft"] = func(h *host, args []string, in io.Reader, out, errs io.Writer) int {
		return rules.Command(args, in, h.read, out, errs)
	}
	rules.SetGlob(func(string) []string {
		if _, err := b.host.read(DefaultFile); err != nil {
			return nil
		}
		return []string{DefaultFile}
	})
	require.NoError(t, rules.LoadFile(mainFile, b.host.read))
	return b
}

// nft gives a command as root at the console would.
func (b *bed) nft(t *testing.T, words ...string) string {
	t.Helper()
	var out strings.Builder
	require.Zero(t, b.rules.Command(words, nil, b.host.read, &out, &out), out.String())
	return out.String()
}

// runtime lists the rules of the chain with their handles.
func (b *bed) runtime(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, line := range strings.Split(b.nft(t, "-a", "list", "ruleset"), "\n") {
		if strings.Contains(line, "daddr") || strings.Contains(line, "dport") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func (b *bed) first(t *testing.T) (text, handle string) {
	t.Helper()
	text, handle, _ = strings.Cut(b.runtime(t)[0], " # handle ")
	return text, handle
}

type outsider struct{ *host }

func (o outsider) Run(ctx context.Context, cmd sshx.Command) (sshx.Result, error) {
	if cmd.Script == lookScript {
		return sshx.Result{Exit: exitListing, Stderr: []byte("Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n")}, nil
	}
	return o.host.Run(ctx, cmd)
}

func newDevice(t *testing.T) *firewalltest.Device {
	b := newBed(t)
	file := func() string {
		data, _ := b.host.read(DefaultFile)
		return string(data)
	}
	set := func(f func(h *host)) { b.host.mu.Lock(); defer b.host.mu.Unlock(); f(b.host) }
	return &firewalltest.Device{
		Driver:       func(*testing.T) firewall.Firewall { return New(Config{}, b.host) },
		Unprivileged: func(*testing.T) firewall.Firewall { return New(Config{}, outsider{b.host}) },
		Passes: func(_ *testing.T, from, to netip.AddrPort, proto string) bool {
			return b.rules.Allows(from, to, proto)
		},
		Runtime: b.runtime,
		Saved: func(*testing.T) []string {
			var list []string
			for _, line := range strings.Split(file(), "\n") {
				if strings.Contains(line, " accept comment ") {
					list = append(list, line)
				}
			}
			return list
		},
		File:     func(*testing.T) string { return file() },
		SetSaved: func(t *testing.T, text string) { require.NoError(t, b.host.write(DefaultFile, []byte(text))) },
		Restart: func(t *testing.T) {
			require.NoError(t, b.rules.Reset())
			require.NoError(t, b.rules.LoadFile(mainFile, b.host.read))
		},
		AddForeign: func(t *testing.T) { b.nft(t, "add rule inet filter fermata tcp dport 22 accept") },
		Copy: func(t *testing.T) {
			text, _ := b.first(t)
			b.nft(t, "add rule inet filter fermata "+text)
		},
		Delete: func(t *testing.T) {
			_, handle := b.first(t)
			b.nft(t, "delete rule inet filter fermata handle "+handle)
		},
		Widen: func(t *testing.T) {
			text, handle := b.first(t)
			b.nft(t, "delete rule inet filter fermata handle "+handle)
			b.nft(t, "add rule inet filter fermata "+strings.Replace(text, "/24", "/16", 1))
		},
		OnLook:      func(f func()) { set(func(h *host) { h.onRun = func(sshx.Command) { f() } }) },
		Lose:        func(n int) { set(func(h *host) { h.lose = n }) },
		SetDown:     func(down bool) { set(func(h *host) { h.down = down }) },
		SetReadOnly: func(on bool) { set(func(h *host) { h.readOnly = on }) },
		DropChain: func(t *testing.T) {
			b.nft(t, "flush ruleset")
			b.nft(t, "add table inet filter")
		},
		CommentLimit: CommentLimit - len("fermata") - 3,
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	firewalltest.Run(t, firewalltest.Bench{New: newDevice})
}

func TestCheckWantsAJump(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.nft(t, "flush chain inet filter forward")
	err := New(Config{}, b.host).Check(t.Context())
	require.ErrorContains(t, err, "jump fermata")
}
