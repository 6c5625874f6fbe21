package spec

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"

	"fermata/spec/document"
)

// ParseFleet reads one Fleet and every server that it describes: each is looked at as if a person had written it by itself.
// The name is that of the file, for errors. An error is a Problems.
func ParseFleet(name string, data []byte) (*Fleet, error) {
	d := document.Read(name, data)
	if err := d.Err(); err != nil {
		return nil, err
	}
	if !d.Header(APIVersion, KindFleet) {
		return nil, d.Err()
	}
	fleet := &Fleet{}
	d.Decode("", fleet)
	checker{d}.fleet(fleet)
	if err := d.Err(); err != nil {
		return nil, err
	}
	fleet.ApplyDefaults()
	if _, err := fleet.members(name, d); err != nil {
		return nil, err
	}
	return fleet, nil
}

func (c checker) fleet(f *Fleet) {
	c.texts("", reflect.ValueOf(f).Elem())
	c.metadata(f.Metadata)
	switch s := f.Spec; {
	case c.Has("spec.count") && c.Has("spec.servers"):
		c.Add("spec.servers", "expected either count or servers, found both")
	case !c.Has("spec.count") && !c.Has("spec.servers"):
		c.Add("spec", "expected count or servers, found none: how many servers are there?")
	case c.Has("spec.count"):
		c.between("spec.count", s.Count, 1, MaxMembers)
	case len(s.Servers) == 0 || len(s.Servers) > MaxMembers:
		c.Add("spec.servers", "expected 1 to %d servers, found %d", MaxMembers, len(s.Servers))
	}
	for i, server := range f.Spec.Servers {
		at := fmt.Sprintf("spec.servers[%d].", i)
		c.form(at+"name", server.Name, labelForm)
		c.form(at+"site", server.Site, labelForm)
		for key := range server.Values {
			if !valueForm.match.MatchString(key) {
				c.AddKey(at+"values."+key, "expected %s, found %q", valueForm.what, key)
			}
		}
	}
	c.rollout(f.Spec.Rollout)
	if at := "spec.approvalDeadline"; c.Sound(at) && f.Spec.ApprovalDeadline <= 0 {
		c.Add(at, "expected a length of time above zero, found %s", f.Spec.ApprovalDeadline)
	}
}

func (c checker) rollout(r Rollout) {
	const at = "spec.rollout."
	c.between(at+"maxConcurrent", r.MaxConcurrent, 1, MaxMembers)
	c.between(at+"perSite", r.PerSite, 1, MaxMembers)
	c.between(at+"perSystem", r.PerSystem, 1, MaxMembers)
	c.between(at+"stopAfterFailures", r.StopAfterFailures, 1, MaxMembers)
	c.oneOf(at+"busy", r.Busy, BusyWait, BusyRefuse)
	if c.Sound(at+"pause") && r.Pause < 0 {
		c.Add(at+"pause", "expected a length of time, found %s", r.Pause)
	}
}

// members returns every server. What is wrong with the first that something is wrong with is told once, with its name: the
// others come from the same template.
func (f *Fleet) members(file string, d *document.Document) ([]*Server, error) {
	known := templates{}
	servers := make([]*Server, f.Size())
	names, addresses := map[string]int{}, map[string]string{}
	for i := range servers {
		server, err := f.expand(file, i, known)
		if err != nil {
			return nil, f.about(i, err)
		}
		servers[i] = server
		m := server.Metadata
		if server.Spec.Network.Range != "" {
			d.Add(f.place(i), "%s takes its address from a range: give the servers of a fleet addresses, such as 10.20.0.{{ add index 10 }}/24, since one approval covers them all", m.Name)
			return nil, d.Err()
		}
		if first, twice := names[m.Name]; twice {
			d.Add(f.place(i), "servers %d and %d are both named %s", first+1, i+1, m.Name)
			return nil, d.Err()
		}
		names[m.Name] = i
		address := m.Site + " " + server.Spec.Network.Address
		if prefix, err := netip.ParsePrefix(server.Spec.Network.Address); err == nil {
			address = m.Site + " " + prefix.Addr().String()
		}
		if other, twice := addresses[address]; twice {
			d.Add(f.place(i), "servers %s and %s both have the address %s", other, m.Name, server.Spec.Network.Address)
			return nil, d.Err()
		}
		addresses[address] = m.Name
	}
	return servers, nil
}

func (f *Fleet) place(i int) string {
	if len(f.Spec.Servers) > 0 {
		return fmt.Sprintf("spec.servers[%d]", i)
	}
	return "spec.template"
}

// about says which server of the fleet a problem is about.
func (f *Fleet) about(i int, err error) error {
	var problems Problems
	if !errors.As(err, &problems) {
		return err
	}
	who := fmt.Sprintf("server %d", i+1)
	if len(f.Spec.Servers) > 0 {
		who = f.Spec.Servers[i].Name
	}
	out := make(Problems, len(problems))
	for k, p := range problems {
		if p.Path != "spec.template" {
			p.Path = "spec.template." + p.Path
		}
		p.Text += " (in " + who + " of the fleet)"
		out[k] = p
	}
	return out
}
