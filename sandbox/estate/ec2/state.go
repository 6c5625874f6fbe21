package ec2

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"
)

// state is all that the account remembers.
type state struct {
	Images     []*image         `json:"images"`
	Types      []*instanceType  `json:"types"`
	Subnets    []*subnet        `json:"subnets"`
	KeyPairs   []*keyPair       `json:"key_pairs"`
	Pools      []*pool          `json:"pools"`
	Groups     []*group         `json:"groups"`
	Rules      []*rule          `json:"rules"`
	Interfaces []*iface         `json:"interfaces"`
	Instances  []*instance      `json:"instances"`
	Volumes    []*volume        `json:"volumes"`
	Addresses  []*address       `json:"addresses"`
	Tokens     map[string]token `json:"tokens"` // By action and client token.
	Quotas     map[string]int   `json:"quotas"`
	Given      map[string]int   `json:"given"` // By prefix: the address given last, counted from the first.
}

// token is a request that was carried out under a client token.
type token struct {
	Hash string `json:"hash"` // Of its parameters.
	ID   string `json:"id"`   // Of what it made.
}

// tagged is what most objects have: an id, tags, and the time at which they were made.
type tagged struct {
	ID      string            `json:"id"`
	Tags    map[string]string `json:"tags"`
	Created time.Time         `json:"created"`
}

func (t *tagged) self() *tagged { return t }

type object interface{ self() *tagged }

func made(prefix string, tags map[string]string) tagged {
	return tagged{ID: newID(prefix), Tags: tags, Created: time.Now().UTC()}
}

// newID is an id in EC2's form: 17 digits.
func newID(prefix string) string {
	var random [9]byte
	_, _ = rand.Read(random[:]) // It never fails.
	return prefix + "-" + hex.EncodeToString(random[:])[:17]
}

// idOf is the id of what the account has from the start: the same each time it is furnished.
func idOf(prefix, name string) string {
	sum := sha256.Sum256([]byte("ec2:" + prefix + ":" + name))
	return prefix + "-" + hex.EncodeToString(sum[:])[:17]
}

var vpcID = idOf("vpc", "main")

// named has an id that stays, and a tag with its name.
func named(prefix, name string) tagged {
	return tagged{ID: idOf(prefix, name), Tags: map[string]string{"Name": name}}
}

// furnish makes what the options name and is not there yet.
func (s *Server) furnish() {
	st := &s.state
	if st.Tokens == nil {
		st.Tokens, st.Quotas, st.Given = map[string]token{}, map[string]int{"rules": 60, "interface-groups": 5}, map[string]int{}
		for name, limit := range s.options.Quotas {
			st.Quotas[name] = limit
		}
	}
	for _, i := range s.options.Images {
		s.addImage(i)
	}
	for _, t := range s.options.Types {
		st.Types = add(st.Types, &instanceType{tagged: tagged{ID: t.Name}, CPUs: t.CPUs, MiB: t.Memory, Architecture: orDefault(t.Architecture, "x86_64")})
	}
	for _, k := range s.options.KeyPairs {
		st.KeyPairs = add(st.KeyPairs, &keyPair{tagged: tagged{ID: idOf("key", k.Name+k.PublicKey)}, Name: k.Name, PublicKey: k.PublicKey})
	}
	for _, p := range s.options.Pools {
		st.Pools = add(st.Pools, &pool{tagged: tagged{ID: idOf("ipv4pool-ec2", p.Name), Tags: map[string]string{"Name": p.Name}}, Prefix: p.Prefix})
	}
	for _, n := range s.options.Subnets {
		made := &subnet{tagged: named("subnet", n.Name), Zone: n.Zone, IPv4: n.Prefixes[0]}
		if len(n.Prefixes) > 1 {
			made.IPv6 = &n.Prefixes[1]
		}
		st.Subnets = add(st.Subnets, made)
	}
	if len(st.Groups) == 0 {
		g := s.newGroup("default", "default VPC security group", nil)
		st.Rules = append(st.Rules, &rule{tagged: made("sgr", nil), Group: g.ID, Protocol: "-1", From: -1, To: -1, FromGroup: g.ID})
	}
}

func (s *Server) addImage(i Image) {
	owner := orDefault(i.Owner, s.options.Account)
	s.state.Images = add(s.state.Images, &image{
		tagged: tagged{ID: idOf("ami", owner+i.Name)}, Name: i.Name, Owner: owner, Architecture: orDefault(i.Architecture, "x86_64"), KeepsRoot: i.KeepsRoot,
	})
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// add appends what is not there yet.
func add[T object](list []T, made T) []T {
	if find(list, made.self().ID) != nil {
		return list
	}
	return append(list, made)
}

// find returns what has the id; nil: nothing has.
func find[T object](list []T, id string) *T {
	i := slices.IndexFunc(list, func(each T) bool { return each.self().ID == id })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// the returns what has the id; the zero value: nothing has, or it is not to be seen yet.
func the[T object](s *Server, list []T, id string) (found T) {
	if there := find(list, id); there != nil && s.seen((*there).self()) {
		return *there
	}
	return found
}

// seen tells whether reads show an object by now.
func (s *Server) seen(t *tagged) bool { return time.Since(t.Created) >= s.options.Lag }

// without removes what has the id.
func without[T object](list []T, id string) []T {
	return slices.DeleteFunc(list, func(each T) bool { return each.self().ID == id })
}

func count[T any](list []T, fits func(T) bool) (n int) {
	for _, each := range list {
		if fits(each) {
			n++
		}
	}
	return n
}

// exceeds tells whether so much more of what a quota limits would be too much.
func (s *Server) exceeds(quota string, more int) bool {
	limit, set := s.state.Quotas[quota]
	return set && s.used(quota)+more > limit
}

// used counts what there is of what a quota limits.
func (s *Server) used(quota string) int {
	switch quota {
	case "cpus":
		n := 0
		for _, i := range s.state.Instances {
			if i.State == pending || i.State == running {
				n += s.typeOf(i).CPUs
			}
		}
		return n
	case "addresses":
		return len(s.state.Addresses)
	case "groups":
		return len(s.state.Groups)
	case "volumes":
		return len(s.state.Volumes)
	}
	return 0
}

// next is the next free address of a prefix. EC2 keeps the first four and the last of a subnet.
func (s *Server) next(prefix netip.Prefix, taken func(netip.Addr) bool) (netip.Addr, bool) {
	const first, most = 4, 250
	for range most {
		s.state.Given[prefix.String()]++
		raw := prefix.Masked().Addr().AsSlice()
		raw[len(raw)-1] += byte(first + (s.state.Given[prefix.String()]-1)%most)
		if a, _ := netip.AddrFromSlice(raw); prefix.Contains(a) && !taken(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}
