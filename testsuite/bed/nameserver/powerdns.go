package nameserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"strings"

	"fermata/testsuite/bed/host"
)

// schema is the one that Debian's package comes with.
const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"

const powerConfig = `launch=gsqlite3
gsqlite3-database=FOLDER/zones.sqlite
gsqlite3-pragma-synchronous=0
local-address=ADDRESS
local-port=PORT
socket-dir=FOLDER
guardian=no
daemon=no
receiver-threads=1
distributor-threads=1
api=yes
api-key=SECRET
webserver=yes
webserver-address=ADDRESS
webserver-port=WEB
webserver-allow-from=127.0.0.0/8
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
disable-axfr=no
allow-axfr-ips=
`

// StartPowerDNS starts PowerDNS with its API and with dynamic updates, on a database of its own.
func StartPowerDNS(ctx context.Context, folder string) (*Server, error) {
	s, err := newServer(folder)
	if err != nil {
		return nil, err
	}
	s.APIKey = rand.Text()
	web, err := host.Address()
	if err != nil {
		return nil, err
	}
	s.API = "http://" + web
	if err := s.database(ctx); err != nil {
		return nil, fmt.Errorf("starting PowerDNS: %w", err)
	}
	address, port, _ := net.SplitHostPort(s.Address)
	_, webPort, _ := net.SplitHostPort(web)
	text := strings.NewReplacer("FOLDER", folder, "PORT", port, "ADDRESS", address, "SECRET", s.APIKey, "WEB", webPort).Replace(powerConfig)
	if err := s.write("pdns.conf", text); err != nil {
		return nil, err
	}
	if err := s.start(ctx, host.Daemon{Name: "pdns_server", Args: []string{"pdns_server", "--config-dir=" + folder}}); err != nil {
		return nil, fmt.Errorf("starting PowerDNS: %w", err)
	}
	return s, nil
}

// database makes zones and keys, as pdnsutil would one by one.
func (s *Server) database(ctx context.Context) error {
	script, err := os.ReadFile(schema)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.Write(script)
	for name, secret := range s.secrets {
		fmt.Fprintf(&b, "INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('%s', 'hmac-sha256', '%s');\n", name, secret)
	}
	for i, zone := range zones() {
		id := i + 1
		fmt.Fprintf(&b, "INSERT INTO domains (id, name, type) VALUES (%d, '%s', 'NATIVE');\n", id, zone)
		fmt.Fprintf(&b, "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth) VALUES (%d, '%s', 'SOA', 'ns1.%s hostmaster.%s 1 10800 3600 604800 60', 3600, 0, 0, 1);\n", id, zone, Zone, Zone)
		fmt.Fprintf(&b, "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth) VALUES (%d, '%s', 'NS', 'ns1.nowhere.example', 3600, 0, 0, 1);\n", id, zone)
		for _, right := range []string{"TSIG-ALLOW-DNSUPDATE", "TSIG-ALLOW-AXFR"} {
			fmt.Fprintf(&b, "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (%d, '%s', '%s');\n", id, right, Key)
		}
	}
	_, err = run(ctx, b.String(), "sqlite3", s.path("zones.sqlite"))
	return err
}

// Query asks PowerDNS's database, behind its back.
func (s *Server) Query(ctx context.Context, statement string) (string, error) {
	return run(ctx, ".timeout 5000\n"+statement+"\n", "sqlite3", s.path("zones.sqlite"))
}
