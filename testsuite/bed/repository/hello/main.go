// Command hello is the bed's web application. It does what the sandbox's emulated hello-web does: it tells its version and
// its machine's name, and does not start with a configuration that it does not understand.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// version is set when the package is built.
var version = "unknown" //nolint:gochecknoglobals // The linker sets it.

func main() {
	path := flag.String("config", "/etc/hello-web/hello-web.conf", "`FILE` of lines key = value")
	check := flag.Bool("check", false, "read the configuration and end")
	flag.Parse()
	if err := run(*path, *check); err != nil {
		fmt.Fprintln(os.Stderr, "hello-web:", err)
		os.Exit(1)
	}
}

func run(path string, check bool) error {
	s, err := read(path)
	if err != nil || check {
		return err
	}
	machine, err := os.Hostname()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "ok hello-web %s %s\n", version, machine)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%s\n%s hello-web %s\n", s.greeting, s.name, version)
	})
	server := &http.Server{Addr: s.listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	return server.ListenAndServe()
}

// settings are what the configuration says.
type settings struct{ listen, name, greeting string }

func read(path string) (settings, error) {
	name, err := os.Hostname()
	if err != nil {
		return settings{}, err
	}
	s := settings{listen: ":8080", name: name, greeting: "Hello from hello-web"}
	data, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	number := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return s, fmt.Errorf("%s:%d: expected \"key = value\"", path, number)
		}
		if err := s.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return s, fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	return s, nil
}

func (s *settings) set(key, value string) error {
	switch key {
	case "port":
		return s.set("listen", ":"+value)
	case "listen":
		_, port, err := net.SplitHostPort(value)
		if err != nil {
			return fmt.Errorf("listen: expected address:port, found %q", value)
		}
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return fmt.Errorf("port: expected 1 to 65535, found %q", port)
		}
		s.listen = value
	case "name":
		s.name = value
	case "greeting":
		s.greeting = value
	case "domain":
	case "data":
		if i, err := os.Stat(value); err != nil || !i.IsDir() {
			return fmt.Errorf("data folder %s is not there", value)
		}
	case "session-key-file":
		if key, err := os.ReadFile(value); err != nil || len(key) == 0 {
			return errors.New("session key " + value + " cannot be read")
		}
	default:
		return fmt.Errorf("unknown setting %q", key)
	}
	return nil
}
