package openstack

import (
	"crypto/md5" //nolint:gosec // The fingerprints of Nova's key pairs are MD5.
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
)

// state is all that the cloud remembers. What Neutron has is kept in the form in which it is shown.
type state struct {
	Tokens    map[string]token `json:"tokens"`
	Images    []image          `json:"images"`
	Flavors   []flavor         `json:"flavors"`
	KeyPairs  []keyPair        `json:"key_pairs"`
	Networks  []network        `json:"networks"`
	Subnets   []subnet         `json:"subnets"`
	Groups    []group          `json:"groups"`
	Rules     []rule           `json:"rules"`
	Ports     []port           `json:"ports"`
	Floating  []floating       `json:"floating"`
	Servers   []*server        `json:"servers"`
	Volumes   []*volume        `json:"volumes"`
	Quotas    map[string]int   `json:"quotas"`
	Addresses map[string]int   `json:"addresses"` // By subnet: the address given last, counted from the first.
}

type token struct {
	Project string    `json:"project"`
	User    string    `json:"user"`
	Denied  []string  `json:"denied,omitempty"`
	Expires time.Time `json:"expires"`
}

type image struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Status  string `json:"status"`
	MinDisk int    `json:"min_disk"`
	MinRAM  int    `json:"min_ram"`
}

type flavor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	CPUs int    `json:"vcpus"`
	RAM  int    `json:"ram"`
	Disk int    `json:"disk"`
}

type keyPair struct {
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"`
	Fingerprint string `json:"fingerprint"`
	Type        string `json:"type"`
}

type network struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Status   string   `json:"status"`
	Up       bool     `json:"admin_state_up"`
	Shared   bool     `json:"shared"`
	External bool     `json:"router:external"`
	Subnets  []string `json:"subnets"`
}

type subnet struct {
	ID        string       `json:"id"`
	NetworkID string       `json:"network_id"`
	CIDR      netip.Prefix `json:"cidr"`
}

// idOf is the id of what the cloud has from the start: the same each time it is furnished.
func idOf(kind, name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("openstack:"+kind+":"+name)).String()
}

// projectID is the id of a project, in Keystone's form.
func projectID(name string) string { return strings.ReplaceAll(idOf("project", name), "-", "") }

func newID() string { return uuid.NewString() }

// furnish makes what the options name and is not there yet.
func (s *Server) furnish() {
	st := &s.state
	if st.Tokens == nil {
		st.Tokens, st.Quotas, st.Addresses = map[string]token{}, map[string]int{}, map[string]int{}
	}
	for name, limit := range s.options.Quotas {
		if _, set := st.Quotas[name]; !set {
			st.Quotas[name] = limit
		}
	}
	for _, i := range s.options.Images {
		add(&st.Images, image{ID: idOf("image", i.Name), Name: i.Name, Status: "active", MinDisk: i.MinDisk, MinRAM: i.MinRAM}, func(i image) string { return i.ID })
	}
	for _, f := range s.options.Flavors {
		add(&st.Flavors, flavor{ID: idOf("flavor", f.Name), Name: f.Name, CPUs: f.CPUs, RAM: f.Memory, Disk: f.GiB}, func(f flavor) string { return f.ID })
	}
	for _, k := range s.options.KeyPairs {
		add(&st.KeyPairs, keyPair{Name: k.Name, PublicKey: k.PublicKey, Fingerprint: fingerprint(k.PublicKey), Type: "ssh"}, func(k keyPair) string { return k.Name })
	}
	for _, n := range s.options.Networks {
		s.furnishNetwork(n)
	}
	for _, u := range s.options.Users {
		s.defaultGroup(projectID(u.Project))
	}
	for _, c := range s.options.Credentials {
		s.defaultGroup(projectID(c.Project))
	}
}

func (s *Server) furnishNetwork(n Network) {
	made := network{ID: idOf("network", n.Name), Name: n.Name, Status: "ACTIVE", Up: true, Shared: true, External: n.External, Subnets: []string{}}
	for _, p := range n.Prefixes {
		sub := subnet{ID: idOf("subnet", n.Name+p.String()), NetworkID: made.ID, CIDR: p}
		made.Subnets = append(made.Subnets, sub.ID)
		add(&s.state.Subnets, sub, func(s subnet) string { return s.ID })
	}
	add(&s.state.Networks, made, func(n network) string { return n.ID })
}

// add appends what is not there yet.
func add[T any](list *[]T, made T, id func(T) string) {
	for _, have := range *list {
		if id(have) == id(made) {
			return
		}
	}
	*list = append(*list, made)
}

// fingerprint is the MD5 of the key, pairs of hexadecimal digits with colons between.
func fingerprint(key string) string {
	fields := strings.Fields(key)
	if len(fields) < 2 {
		return ""
	}
	raw, _ := base64.StdEncoding.DecodeString(fields[1]) // What is no base64 has the fingerprint of nothing.
	var pairs []string
	for _, b := range md5.Sum(raw) { //nolint:gosec // See above.
		pairs = append(pairs, fmt.Sprintf("%02x", b))
	}
	return strings.Join(pairs, ":")
}

// find returns the first that fits, as a pointer into the list; nil: none.
func find[T any](list []T, fits func(*T) bool) *T {
	for i := range list {
		if fits(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

// now is the time as OpenStack writes it.
func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05Z") }

// created is the time as Cinder writes it.
func created() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000000") }
