package encryption

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
)

// EndpointPath is below which the codec endpoint answers: the web UI's codec endpoint is its address with this path.
const EndpointPath = "/codec"

// maxBody bounds a request to the codec endpoint, in bytes: several payloads of 2 MiB in base64.
const maxBody = 16 << 20

// shortestToken is the least length of a token, in characters. It must not be guessed, as nothing slows guesses down.
const shortestToken = 24

// Endpoint is the codec endpoint that Temporal's web UI asks to show clear text. It opens payloads and seals none.
//
// Who asks shows the token as a bearer, or a browser's cookie that was given for the token by the page at
// [EndpointPath]/enter. A browser gets an answer only on pages of the origins; there is no wildcard.
type Endpoint struct {
	Keys    *Keyring
	Token   string   // Whoever has it may open every payload. At least 24 characters.
	Origins []string // Of the web UI: "https://temporal.example". After the token was entered, the first is shown.
	Home    string   // Page to show instead; empty: the first origin.
	TLS     bool     // The browser must send the cookie over TLS only.
	Link    bool     // The token may stand in the address of the page: only for a laptop's own.
}

// Handler returns the endpoint, or an error that says what is wrong with its settings.
func (e Endpoint) Handler() (http.Handler, error) {
	if len(e.Token) < shortestToken {
		return nil, fmt.Errorf("opening the codec endpoint: the token has %d characters: it needs %d or more, at random", len(e.Token), shortestToken)
	}
	if len(e.Origins) == 0 {
		return nil, fmt.Errorf("opening the codec endpoint: it needs the origin of the web UI, such as https://temporal.example")
	}
	for _, origin := range e.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.Contains(u.Host, "*") {
			return nil, fmt.Errorf("opening the codec endpoint: %q is no origin: expected one such as https://temporal.example, without a path", origin)
		}
	}
	if e.Home == "" {
		e.Home = e.Origins[0]
	}
	mux := http.NewServeMux()
	mux.HandleFunc(EndpointPath+"/decode", e.decode)
	mux.HandleFunc(EndpointPath+"/enter", e.enter)
	return mux, nil
}

// Server serves a handler with limits on how long anybody may take. The caller closes it.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // Failed handshakes of strangers.
	}
}

func (e Endpoint) decode(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Origin")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	origin := r.Header.Get("Origin")
	if origin != "" {
		if !slices.Contains(e.Origins, origin) {
			http.Error(w, "this origin may not use the codec endpoint: add it to the allowed origins", http.StatusForbidden)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Authorization-Extras, Content-Type, X-Namespace")
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPost:
		if !e.admits(r, origin) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "open "+EndpointPath+"/enter of this endpoint in the browser, or send the token as a bearer", http.StatusUnauthorized)
			return
		}
		http.MaxBytesHandler(converter.NewPayloadCodecHTTPHandler(e.Keys.Codec()), maxBody).ServeHTTP(w, r)
	default:
		http.Error(w, "expected POST", http.StatusMethodNotAllowed)
	}
}
