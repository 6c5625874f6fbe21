package encryption

import (
	"net/http"
	"slices"

	"go.temporal.io/sdk/converter"
)

// maxBody bounds a request to the codec endpoint, in bytes: several payloads of 2 MiB in base64.
const maxBody = 16 << 20

// Handler is the codec endpoint that Temporal's web UI asks to show clear text: POST .../encode and .../decode. A browser
// gets an answer only on pages of the given origins ("http://127.0.0.1:8233"; there is no wildcard), which also stops DNS
// rebinding. That is no authentication: whoever else can reach the port can decrypt, so it belongs on loopback or behind
// a proxy that knows its users.
func (r *Keyring) Handler(allowedOrigins ...string) http.Handler {
	next := http.MaxBytesHandler(converter.NewPayloadCodecHTTPHandler(r.Codec()), maxBody)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Vary", "Origin")
		w.Header().Set("Cache-Control", "no-store")
		if origin := req.Header.Get("Origin"); origin != "" {
			if !slices.Contains(allowedOrigins, origin) {
				http.Error(w, "this origin may not use the codec endpoint: add it to the allowed origins", http.StatusForbidden)
				return
			}
			w.Header().Set("Access-Control-Allow-Origin", origin)
		}
		if req.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Authorization-Extras, Content-Type, X-Namespace")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, req)
	})
}
