package estate

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"fermata/sandbox/keep"
)

// before is where a system without a port of its own in the options listened when it ran the last time, so that a worker of
// another process finds it again. Empty, for any free port: it never ran, or somebody else has taken the port.
func before(folder string) string {
	data, err := os.ReadFile(listened(folder))
	if err != nil {
		return ""
	}
	address := strings.TrimSpace(string(data))
	l, err := net.Listen("tcp", address) //nolint:noctx // It listens at once or not at all.
	if err != nil || l.Close() != nil {
		return ""
	}
	return address
}

// remember keeps where a system listens.
func remember(folder, address string) error {
	if err := keep.Replace(listened(folder), []byte(address+"\n")); err != nil {
		return fmt.Errorf("keeping where it listens: %w", err)
	}
	return nil
}

// hostOf is the host:port of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

func listened(folder string) string { return filepath.Join(folder, "address") }
