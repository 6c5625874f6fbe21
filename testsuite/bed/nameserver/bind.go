package nameserver

import (
	"context"
	"fmt"
	"net"
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
