package nameserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"

	"fermata/testsuite/bed/host"
)

// bindConfig is the administrator's: updates and transfers are for the key, the stranger's is known and allowed nothing.
const bindConfig = `options {
	directory "FOLDER";
	pid-file none;
	session-keyfile none;
	lock-file none;
	listen-on port PORT { ADDRESS; };
	listen-on-v6 { none; };
	recursion no;
	allow-transfer { none; };
	dnssec-validation no;
	notify no;
	empty-zones-enable no;
};
controls { };
KEYS
ZONES
`

const bindZone = `zone "NAME" {
	type primary;
	file "NAME.zone";
	allow-update { key "` + Key + `"; };
	allow-transfer { key "` + Key + `"; };
};
`

const masterFile = `$TTL 3600
@ IN SOA ns1.estate.test. hostmaster.estate.test. 1 10800 3600 604800 60
@ IN NS ns1.nowhere.example.
`

// StartBIND starts BIND as its service does, in the foreground.
func StartBIND(ctx context.Context, folder string) (*Server, error) {
	s, err := newServer(folder)
	if err != nil {
		return nil, err
	}
	if s.Address, err = interfaceAddress(); err != nil {
		return nil, fmt.Errorf("starting BIND: %w", err)
	}
	var keys, all strings.Builder
	for _, name := range []string{Key, Stranger} {
		keys.WriteString(bindKey(name, s.secrets[name]))
	}
	for _, zone := range zones() {
		all.WriteString(strings.ReplaceAll(bindZone, "NAME", zone))
		if err := s.write(zone+".zone", masterFile); err != nil {
			return nil, err
		}
	}
	address, port, _ := net.SplitHostPort(s.Address)
	text := strings.NewReplacer("FOLDER", folder, "PORT", port, "ADDRESS", address, "KEYS", keys.String(), "ZONES", all.String()).Replace(bindConfig)
	if err := s.write("named.conf", text); err != nil {
		return nil, err
	}
	if err := s.start(ctx, host.Daemon{Name: "named", Args: []string{"named", "-g", "-n", "1", "-c", s.path("named.conf")}}); err != nil {
		return nil, fmt.Errorf("starting BIND: %w", err)
	}
	return s, nil
}

// interfaceAddress is an address that BIND can listen at: it takes only those that an interface has, and loopback has one.
// The port is below those that the kernel gives to whoever calls out, and below host.Address's.
func interfaceAddress() (string, error) {
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10000+rand.IntN(10000))) //nolint:gosec // Any free port will do.
		stream, err := net.Listen("tcp", address)                                      //nolint:noctx // It listens at once or not at all.
		if err != nil {
			continue
		}
		packets, err := net.ListenPacket("udp", address) //nolint:noctx // See above.
		_ = stream.Close()
		if err == nil {
			return address, packets.Close()
		}
	}
	return "", errors.New("no port is free on 127.0.0.1 between 10000 and 20000")
}
