package probetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// service is a web service with one page for each thing that a prober may meet.
type service struct {
	*httptest.Server
	connections atomic.Int32
}

func serve(t *testing.T, way Way) *service {
	t.Helper()
	s := &service{}
	s.Server = server(t, way.Listen(t), pages(), nil)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Start()
	return s
}

// server is not started. Closing it ends connections that are still served.
func server(t *testing.T, listener net.Listener, handler http.Handler, security *tls.Config) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	_ = s.Listener.Close()
	s.Listener, s.TLS = listener, security
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func pages() http.Handler {
	mux := http.NewServeMux()
	page := func(path string, status int, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		})
	}
	page("/healthz", http.StatusOK, "ok\x1b[31m\nweb-01 "+strings.Repeat("x", 300))
	page("/missing", http.StatusNotFound, "nothing here")
	page("/broken", http.StatusBadGateway, "no backend")
	page("/late", http.StatusOK, strings.Repeat("y", 64<<10)+"late")
	mux.HandleFunc("/query", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+" "+r.URL.RawQuery) //nolint:gosec // No browser ever sees it.
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/near", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/healthz", http.StatusFound) })
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("url"), http.StatusFound) //nolint:gosec // It leads wherever a test says.
	})
	mux.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "half of it")
		panic(http.ErrAbortHandler) // The connection ends here.
	})
	mux.HandleFunc("/stalls", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "the rest never comes")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("z", 1<<10)); err != nil {
				return
			}
		}
	})
	return mux
}

// say accepts connections and writes the text on each, which stays open until the test ends. It returns the address.
func say(t *testing.T, way Way, text string) string {
	t.Helper()
	listener := way.Listen(t)
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended); _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, text)
				<-ended
			}()
		}
	}()
	return listener.Addr().String()
}

// closed is an address where nobody listens, on a host that is there.
func closed(t *testing.T, way Way) string {
	t.Helper()
	beside := way.Listen(t)
	t.Cleanup(func() { _ = beside.Close() })
	listener := way.Listen(t)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// secured is a certificate for the names, with the authority that signed it.
func secured(t *testing.T, until time.Time, names ...string) (*tls.Config, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			certificate.IPAddresses = append(certificate.IPAddresses, ip)
			continue
		}
		certificate.DNSNames = append(certificate.DNSNames, name)
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	require.NoError(t, err)
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
