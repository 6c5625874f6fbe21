package guest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const nginxConfig = "/etc/nginx/nginx.conf"

// nginx serves files of the guest; it is here as a second service beside hello-web.
type nginx struct {
	server *http.Server
	ended  chan struct{}
}

func startNginx(ctx context.Context, m *Machine) (Service, error) {
	port, folder, err := readNginx(m)
	if err != nil {
		return nil, err
	}
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Join(folder, path.Clean("/"+r.URL.Path))
		if strings.HasSuffix(r.URL.Path, "/") {
			name = path.Join(name, "index.html")
		}
		data, err := m.ReadFile(name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data) // The reader may be gone.
	})
	n := &nginx{ended: make(chan struct{})}
	if n.server, err = serveHTTP(ctx, m, netip.AddrPortFrom(m.Address(), port), files, n.ended); err != nil {
		return nil, fmt.Errorf("nginx: [emerg] bind() to 0.0.0.0:%d failed (98: Address already in use)", port)
	}
	return n, nil
}

func readNginx(m *Machine) (uint16, string, error) {
	data, err := m.ReadFile(nginxConfig)
	if err != nil {
		return 0, "", fmt.Errorf("nginx: [emerg] open() %q failed (2: No such file or directory)", nginxConfig)
	}
	text := string(data)
	if strings.Count(text, "{") != strings.Count(text, "}") {
		return 0, "", errors.New("nginx: [emerg] unexpected end of file, expecting \"}\" in " + nginxConfig)
	}
	port, folder := uint64(80), "/var/www/html"
	if found := regexp.MustCompile(`listen\s+(\d+);`).FindStringSubmatch(text); found != nil {
		if port, err = strconv.ParseUint(found[1], 10, 16); err != nil || port == 0 {
			return 0, "", fmt.Errorf("nginx: [emerg] invalid port in %q of the \"listen\" directive in %s", found[1], nginxConfig)
		}
	}
	if found := regexp.MustCompile(`root\s+([^;\s]+);`).FindStringSubmatch(text); found != nil {
		folder = found[1]
	}
	return uint16(port), folder, nil
}

// Reload accepts what a restart would.
func (n *nginx) Reload(context.Context) error { return nil }

// Stop closes the port.
func (n *nginx) Stop() error {
	err := n.server.Close()
	<-n.ended
	return err
}

// nginxCommand is nginx -t.
func nginxCommand(_ context.Context, c Call) int {
	if len(c.Args) != 2 || c.Args[1] != "-t" {
		return c.Fail(1, "invalid option: only -t is known here")
	}
	if _, _, err := readNginx(c.Machine); err != nil {
		return c.Fail(1, "%s\nnginx: configuration file %s test failed", strings.TrimPrefix(err.Error(), "nginx: "), nginxConfig)
	}
	c.Args[0] = "nginx"
	return c.Fail(0, "configuration file %s test is successful", nginxConfig)
}
