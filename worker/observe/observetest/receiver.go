// Package observetest receives what workers send, for tests.
package observetest

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Receiver takes traces as a collector does: OTLP over HTTP, protobuf.
type Receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	spans    []*tracepb.Span
}

// Receive starts a receiver; it ends with the test.
func Receive(t *testing.T) *Receiver {
	t.Helper()
	r := &Receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *Receiver) take(w http.ResponseWriter, in *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if in.URL.Path != "/v1/traces" || in.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "expected traces as protobuf", http.StatusUnsupportedMediaType)
		return
	}
	request, err := read(in)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func read(in *http.Request) (*collector.ExportTraceServiceRequest, error) {
	body := io.Reader(in.Body)
	if in.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(in.Body)
		if err != nil {
			return nil, err
		}
		body = unpacked
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	request := &collector.ExportTraceServiceRequest{}
	return request, proto.Unmarshal(data, request)
}

// Requests is how often something was sent.
func (r *Receiver) Requests() int { r.mu.Lock(); defer r.mu.Unlock(); return r.requests }

// Spans returns all that came, or those of the name.
func (r *Receiver) Spans(name string) (found []*tracepb.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if name == "" || s.GetName() == name {
			found = append(found, s)
		}
	}
	return found
}

// Attributes are the texts on a span.
func Attributes(s *tracepb.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		all[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return all
}

// TraceID is the span's trace, in hexadecimal.
func TraceID(s *tracepb.Span) string { return hex.EncodeToString(s.GetTraceId()) }
