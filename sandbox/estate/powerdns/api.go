package powerdns

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	miekg "github.com/miekg/dns"
)

const prefix = "/api/v1/servers/localhost"

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix, s.about)
	mux.HandleFunc("GET "+prefix+"/zones", s.list)
	mux.HandleFunc("GET "+prefix+"/zones/{zone}", s.show)
	mux.HandleFunc("PATCH "+prefix+"/zones/{zone}", s.patch)
	mux.HandleFunc("GET "+prefix+"/search-data", s.search)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Not Found", http.StatusNotFound) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("X-API-Key")
		switch {
		case same(key, s.options.APIKey):
		case s.options.ReadKey != "" && same(key, s.options.ReadKey):
			if r.Method != http.MethodGet {
				http.Error(w, "Forbidden", http.StatusForbidden)
				return
			}
		default:
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func unavailable(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
}

func (s *Server) about(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"type": "Server", "id": "localhost", "daemon_type": "authoritative", "version": "4.7.3", "url": prefix})
}

// zoneView is a zone as the API shows it.
type zoneView struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Serial uint32 `json:"serial"`
	URL    string `json:"url"`
	Sets   []*set `json:"rrsets,omitempty"`
}

func view(name string, z *zone) zoneView {
	return zoneView{ID: name, Name: name, Kind: "Native", Serial: z.Serial, URL: prefix + "/zones/" + name}
}

func (s *Server) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []zoneView{}
	for name, z := range s.zones {
		all = append(all, view(name, z))
	}
	answer(w, all)
}

// zone finds the zone of a path and answers if there is none. It is called with the lock.
func (s *Server) zone(w http.ResponseWriter, r *http.Request) (string, *zone) {
	name := r.PathValue("zone")
	if _, ok := miekg.IsDomainName(name); !ok || strings.Contains(name, "..") {
		unprocessable(w, "Unable to parse DNS Name '"+name+"'")
		return "", nil
	}
	name = strings.ToLower(miekg.Fqdn(name))
	z := s.zones[name]
	if z == nil {
		http.Error(w, "Not Found", http.StatusNotFound)
	}
	return name, z
}

func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, z := s.zone(w, r)
	if z == nil {
		return
	}
	v := view(name, z)
	wanted, kind := r.URL.Query().Get("rrset_name"), r.URL.Query().Get("rrset_type")
	v.Sets = []*set{}
	for _, one := range z.Sets {
		shown := *one
		if wanted != "" && (!strings.EqualFold(one.Name, wanted) || kind != "" && one.Type != kind) {
			if shown.Records, shown.TTL = []entry{}, 0; len(one.Comments) == 0 {
				continue // 4.7.3 shows every comment of the zone, whatever was asked for.
			}
		}
		if one.Type == "SOA" {
			shown.Records = []entry{{Content: z.soa(name)}}
		}
		v.Sets = append(v.Sets, &shown)
	}
	answer(w, v)
}

// search looks for records and comments whose text matches, with * and ? for any text (the API reference's "Search").
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "+", "%2B") // A plus is a plus.
	q := r.URL.Query()
	if q.Get("q") == "" {
		unprocessable(w, "Query q can't be blank")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []map[string]string{}
	for name, z := range s.zones {
		for _, one := range z.Sets {
			for _, c := range one.Comments {
				if q.Get("object_type") != "record" && matches(q.Get("q"), c.Content) {
					found = append(found, map[string]string{
						"content": c.Content, "name": one.Name, "object_type": "comment", "type": one.Type, "zone": name, "zone_id": name,
					})
				}
			}
		}
	}
	answer(w, found)
}

// matches has no folders: a slash is a letter like any other.
func matches(pattern, text string) bool {
	flat := func(s string) string { return strings.ReplaceAll(s, "/", "\x01") }
	ok, err := path.Match(flat(pattern), flat(text))
	return ok && err == nil
}

func (s *Server) patch(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var asked struct {
		Sets []change `json:"rrsets"`
	}
	if err != nil || json.Unmarshal(body, &asked) != nil {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name, z := s.zone(w, r)
	switch {
	case z == nil:
		return
	case asked.Sets == nil:
		unprocessable(w, "No rrsets given in update request")
		return
	}
	made := make([]*set, 0, len(asked.Sets))
	for _, c := range asked.Sets { // All or nothing: PowerDNS changes in one transaction of its database.
		one, refusal := c.check(name, z, time.Now().Unix())
		if refusal != "" {
			unprocessable(w, refusal)
			return
		}
		made = append(made, one)
	}
	for _, one := range made {
		z.put(one)
	}
	if err := s.save(); err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func unprocessable(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}
