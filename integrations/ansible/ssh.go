package ansible

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/sshx"
)

var (
	userForm = regexp.MustCompile(`^[a-z_][A-Za-z0-9_.-]{0,63}\$?$`)
	hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$`)
	nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
)

// hop is a host that ssh logs in to.
type hop struct {
	alias, host, user, name string // name: what it is looked up by in known_hosts; empty: host and port.
	port                    int
	key                     secret.Ref
	hostKeys, hostCA        []string
	knownHosts              string
}

func bad(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }

// hops are the guest and its jump hosts, the nearest to the guest first.
func (r *Runner) hops(h configuration.Host) ([]hop, error) {
	address, err := netip.ParseAddr(h.Address)
	switch {
	case err != nil || address.Zone() != "":
		return nil, bad("host %q: expected an IP address, found %q", h.Name, h.Address)
	case !nameForm.MatchString(h.Name):
		return nil, bad("expected a host name, found %q", h.Name)
	case len(h.Keys)+len(r.cfg.HostCA) == 0:
		return nil, bad("%s cannot be recognised: no host key and no host CA is given for it", h.Name)
	}
	port := h.Port
	if port == 0 {
		port = 22
	}
	hops := []hop{{alias: address.String(), host: address.String(), port: port, user: h.User, name: h.Name, key: r.cfg.Key, hostKeys: h.Keys, hostCA: r.cfg.HostCA}}
	key := r.cfg.Key
	for jump := r.cfg.Jump; jump != nil; jump = jump.Jump {
		next, err := jumpHop(*jump, len(hops), key)
		if err != nil {
			return nil, err
		}
		hops, key = append(hops, next), next.key
	}
	for _, h := range hops {
		if !userForm.MatchString(h.user) || !hostForm.MatchString(h.host) || strings.ContainsAny(h.knownHosts, "\"%\n\\") {
			return nil, bad("logging in to %q as %q: expected a host's name or address and an account", h.host, h.user)
		}
	}
	return hops, nil
}

func jumpHop(c sshx.Config, number int, key secret.Ref) (hop, error) {
	if c.Key != "" {
		key = c.Key
	}
	host, text, err := net.SplitHostPort(c.Address)
	if err != nil {
		host, text = strings.Trim(c.Address, "[]"), sshx.DefaultPort
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return hop{}, bad("jump host %q: expected host:port", c.Address)
	}
	return hop{
		alias: fmt.Sprintf("fermata-jump-%d", number), host: host, port: int(port), user: c.User, key: key,
		hostKeys: c.HostKeys, hostCA: c.HostCA, knownHosts: c.KnownHosts,
	}, nil
}

// common holds for every host: nothing is trusted, asked or forwarded that is not named here.
const common = `Host *
	BatchMode yes
	IdentitiesOnly yes
	PreferredAuthentications publickey
	StrictHostKeyChecking yes
	GlobalKnownHostsFile none
	UpdateHostKeys no
	CheckHostIP no
	VerifyHostKeyDNS no
	ForwardAgent no
	ForwardX11 no
	ServerAliveInterval 15
	ServerAliveCountMax 3
	LogLevel ERROR
`

// onlyThrough is how Ansible reaches the host: over the connection that holds the lock, or not at all.
const onlyThrough = "ControlMaster no\n\tProxyCommand /bin/false\n"

// configure writes what ssh is told: for the connection that holds the lock, and for Ansible.
func (r *Runner) configure(m *room, hops []hop) error {
	var config, known strings.Builder
	for i, h := range hops {
		fmt.Fprintf(&config, "Host %s\n\tHostName %s\n\tPort %d\n\tUser %s\n\tIdentityFile %s\n\tUserKnownHostsFile %s", h.alias, h.host, h.port, h.user, m.path(identity(i)), m.path("known_hosts"))
		if h.knownHosts != "" {
			fmt.Fprintf(&config, " %q", h.knownHosts)
		}
		name := knownhosts.Normalize(net.JoinHostPort(h.host, strconv.Itoa(h.port)))
		if h.name != "" {
			name = h.name
			fmt.Fprintf(&config, "\n\tHostKeyAlias %s", h.name)
		}
		if i+1 < len(hops) {
			fmt.Fprintf(&config, "\n\tProxyJump %s", hops[i+1].alias)
		}
		config.WriteString("\n")
		if err := trust(&known, name, h.hostKeys, h.hostCA); err != nil {
			return err
		}
	}
	rest := fmt.Sprintf("%s\tConnectTimeout %d\n\tIdentityAgent %s\n\tControlPath %s\n\t", common, int(r.cfg.ConnectTimeout.Seconds()), m.path("agent"), m.path("mux"))
	for name, text := range map[string]string{
		"ssh_config": config.String() + rest + "ControlPersist no\n", "ssh_config_ansible": rest + onlyThrough + "\tUserKnownHostsFile none\n", "known_hosts": known.String(),
	} {
		if err := m.write(name, []byte(text)); err != nil {
			return fault.Wrap(fault.Unavailable, err, "writing ssh's configuration")
		}
	}
	return nil
}

func identity(hop int) string { return fmt.Sprintf("key-%d.pub", hop) }

// trust writes lines of known_hosts (sshd(8)). The keys are written anew, so that nothing else stands in a line.
func trust(to *strings.Builder, name string, keys, cas []string) error {
	for _, l := range []struct {
		mark string
		keys []string
	}{{"", keys}, {"@cert-authority ", cas}} {
		for _, text := range l.keys {
			key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
			if err != nil {
				return bad("the host key %.60q of %s is no public key", text, name)
			}
			to.WriteString(l.mark + name + " " + string(ssh.MarshalAuthorizedKey(key)))
		}
	}
	return nil
}

// lend serves an agent with the private keys on a socket in the room, so that they are on no disk. It ends with stop.
func (r *Runner) lend(ctx context.Context, m *room, hops []hop) (stop func(), err error) {
	ring := agent.NewKeyring()
	for i, h := range hops {
		public, err := r.add(ctx, ring, h.key)
		if err != nil {
			return nil, err
		}
		if err := m.write(identity(i), ssh.MarshalAuthorizedKey(public)); err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "writing a public key")
		}
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "unix", m.path("agent"))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "lending the key to ssh")
	}
	if err := os.Chmod(m.path("agent"), 0o600); err != nil {
		_ = listener.Close()
		return nil, fault.Wrap(fault.Unavailable, err, "lending the key to ssh")
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn); _ = conn.Close() }()
		}
	}()
	return func() { _ = listener.Close() }, nil
}

func (r *Runner) add(ctx context.Context, ring agent.Agent, ref secret.Ref) (ssh.PublicKey, error) {
	value, err := r.secrets.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	// The parser's text is left out: it may quote what it read.
	private, err := ssh.ParseRawPrivateKey(value.Reveal())
	if err != nil {
		return nil, bad("%s is no private key without a passphrase: expected OpenSSH or PEM form", ref)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil || ring.Add(agent.AddedKey{PrivateKey: private}) != nil {
		return nil, bad("%s is a key of a kind that SSH does not know", ref)
	}
	return signer.PublicKey(), nil
}
