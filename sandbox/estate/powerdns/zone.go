package powerdns

import (
	"fmt"
	"slices"
	"strings"

	miekg "github.com/miekg/dns"
)

// zone is a zone with its record sets.
type zone struct {
	Serial uint32 `json:"serial"`
	Sets   []*set `json:"sets"`
}

// set is the records of one name and type, as the API shows them.
type set struct {
	Name     string    `json:"name"` // With a dot at the end.
	Type     string    `json:"type"`
	TTL      int       `json:"ttl"`
	Records  []entry   `json:"records"`
	Comments []comment `json:"comments"`
}

type entry struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

type comment struct {
	Content    string `json:"content"`
	Account    string `json:"account"`
	ModifiedAt int64  `json:"modified_at"`
}

func newZone(name string) *zone {
	return &zone{Serial: 1, Sets: []*set{
		{Name: name, Type: "SOA", TTL: 3600},
		{Name: name, Type: "NS", TTL: 3600, Records: []entry{{Content: "ns1." + name}}, Comments: []comment{}},
	}}
}

// soa is made from the serial.
func (z *zone) soa(name string) string {
	return fmt.Sprintf("ns1.%s hostmaster.%s %d 10800 3600 604800 60", name, name, z.Serial)
}

func (z *zone) set(name, kind string) *set {
	for _, s := range z.Sets {
		if strings.EqualFold(s.Name, name) && s.Type == kind {
			return s
		}
	}
	return nil
}

// put replaces a set, or removes it if it has neither records nor comments.
func (z *zone) put(s *set) {
	z.Sets = slices.DeleteFunc(z.Sets, func(old *set) bool { return strings.EqualFold(old.Name, s.Name) && old.Type == s.Type })
	if len(s.Records)+len(s.Comments) > 0 {
		z.Sets = append(z.Sets, s)
	}
	z.Serial++
}

// exists reports whether there is the name or one below it.
func (z *zone) exists(name string) bool {
	return slices.ContainsFunc(z.Sets, func(s *set) bool {
		return strings.EqualFold(s.Name, name) || strings.HasSuffix(strings.ToLower(s.Name), "."+strings.ToLower(name))
	})
}

// resources are the records of a set as DNS has them; disabled ones are not there.
func (z *zone) resources(s *set) []miekg.RR {
	entries := s.Records
	if s.Type == "SOA" {
		entries = []entry{{Content: z.soa(s.Name)}}
	}
	var all []miekg.RR
	for _, e := range entries {
		if e.Disabled {
			continue
		}
		if rr, err := parse(s.Name, s.Type, s.TTL, e.Content); err == nil {
			all = append(all, rr)
		}
	}
	return all
}

func parse(name, kind string, ttl int, content string) (miekg.RR, error) {
	rr, err := miekg.NewRR(fmt.Sprintf("%s %d IN %s %s", name, ttl, kind, content))
	if err == nil && rr == nil {
		err = fmt.Errorf("no content")
	}
	return rr, err
}

// content is a record's data in the form of master files.
func content(rr miekg.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// zoneOf is the most specific zone of a name. It is called with the lock.
func (s *Server) zoneOf(name string) (string, *zone) {
	for at := strings.ToLower(name); ; {
		if z := s.zones[at]; z != nil {
			return at, z
		}
		_, rest, found := strings.Cut(at, ".")
		if !found || rest == "" {
			return "", nil
		}
		at = rest
	}
}

// Set makes the records of a name and type by hand, as an administrator would: comments stay. None removes them, and the
// comments.
func (s *Server) Set(name, kind string, ttl int, contents ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = miekg.Fqdn(name)
	_, z := s.zoneOf(name)
	if z == nil {
		return fmt.Errorf("no zone for %s", name)
	}
	made := &set{Name: name, Type: kind, TTL: ttl, Comments: []comment{}}
	if old := z.set(name, kind); old != nil {
		made.Comments = old.Comments
	}
	for _, c := range contents {
		if _, err := parse(name, kind, ttl, c); err != nil {
			return err
		}
		made.Records = append(made.Records, entry{Content: c})
	}
	if len(contents) == 0 {
		made.Comments = nil
	}
	z.put(made)
	return s.save()
}

// Comments are the texts that stand beside a name's records of a type.
func (s *Server) Comments(name, kind string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	if _, z := s.zoneOf(miekg.Fqdn(name)); z != nil {
		if one := z.set(miekg.Fqdn(name), kind); one != nil {
			for _, c := range one.Comments {
				texts = append(texts, c.Content)
			}
		}
	}
	return texts
}

// Dump is everything that is kept but serials, one line for each record and comment, sorted.
func (s *Server) Dump() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, z := range s.zones {
		for _, one := range z.Sets {
			for _, e := range one.Records {
				lines = append(lines, fmt.Sprintf("%s %d %s %s %t", one.Name, one.TTL, one.Type, e.Content, e.Disabled))
			}
			for _, c := range one.Comments {
				lines = append(lines, fmt.Sprintf("%s %s ; %s: %s", one.Name, one.Type, c.Account, c.Content))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Comment has somebody write a comment beside a name's records of a type.
func (s *Server) Comment(name, kind, account, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name = miekg.Fqdn(name)
	_, z := s.zoneOf(name)
	if z == nil {
		return fmt.Errorf("no zone for %s", name)
	}
	made := &set{Name: name, Type: kind, Records: []entry{}}
	if old := z.set(name, kind); old != nil {
		*made = *old
	}
	made.Comments = append(slices.Clone(made.Comments), comment{Content: text, Account: account})
	z.put(made)
	return s.save()
}
