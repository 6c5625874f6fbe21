package openstack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// filtered lists what a project has, by the query's filters. As Neutron does it, a filter that is no attribute is refused.
func filtered[T any](c *call, name string, all []T, project func(T) string) reply {
	var zero T
	known := attributes(zero)
	kept := []T{}
	for field := range c.URL.Query() {
		if _, attribute := known[field]; !attribute {
			return neutron.badRequest("Invalid input for operation: ['%s'] is invalid attribute for filtering.", field)
		}
	}
	for _, each := range all {
		if owner := project(each); owner != "" && owner != c.project() {
			continue
		}
		if fits(attributes(each), c.URL.Query()) {
			kept = append(kept, each)
		}
	}
	return ok(object{name: kept})
}

// attributes are an object as it is shown.
func attributes(v any) object {
	text, _ := json.Marshal(v) // Plain structs of this package.
	var shown object
	_ = json.Unmarshal(text, &shown)
	return shown
}

// fits holds an object against filters: of several values of one field any fits.
func fits(shown object, query url.Values) bool {
	for field, wanted := range query {
		if !slices.ContainsFunc(wanted, func(w string) bool { return is(field, shown[field], w) }) {
			return false
		}
	}
	return true
}

func is(field string, value any, wanted string) bool {
	switch field {
	case "fixed_ips":
		return strings.Contains(fmt.Sprint(value), strings.Replace(wanted, "=", ":", 1)+" ") || strings.Contains(fmt.Sprint(value), strings.Replace(wanted, "=", ":", 1)+"]")
	case "security_groups":
		return strings.Contains(fmt.Sprint(value), wanted)
	}
	return fmt.Sprint(value) == wanted
}

func (s *Server) listNetworks(c *call) reply {
	return filtered(c, "networks", s.state.Networks, func(network) string { return "" })
}

// neutronQuotas shows limits and use: GET /v2.0/quotas/{project}/details.json.
func (s *Server) neutronQuotas(c *call) reply {
	if c.PathValue("project") != c.project() || !strings.HasPrefix(c.PathValue("file"), "details") {
		return neutron.refuse(http.StatusForbidden, "PolicyNotAuthorized", "(rule:get_quota) is disallowed by policy")
	}
	details := object{}
	for _, name := range []string{"floatingip", "port", "security_group", "security_group_rule", "network", "router", "subnet", "subnetpool", "rbac_policy"} {
		details[name] = object{"limit": s.limit(name), "used": s.used(c.project(), name), "reserved": 0}
	}
	return ok(object{"quota": details})
}

func (s *Server) limit(name string) int {
	if limit, set := s.state.Quotas[name]; set {
		return limit
	}
	return -1
}

// used counts what a project has of what a quota limits.
func (s *Server) used(project, name string) int {
	n := 0
	switch name {
	case "floatingip":
		n = count(s.state.Floating, func(f floating) bool { return f.Project == project })
	case "port":
		n = count(s.state.Ports, func(p port) bool { return p.Project == project })
	case "security_group":
		n = count(s.state.Groups, func(g group) bool { return g.Project == project })
	case "security_group_rule":
		n = count(s.state.Rules, func(r rule) bool { return r.Project == project })
	case "instances":
		n = count(s.state.Servers, func(v *server) bool { return v.Project == project })
	case "volumes":
		n = count(s.state.Volumes, func(v *volume) bool { return v.Project == project })
	case "cores", "ram", "gigabytes":
		n = s.usedSum(project, name)
	}
	return n
}

func (s *Server) usedSum(project, name string) (sum int) {
	for _, v := range s.state.Servers {
		if f := find(s.state.Flavors, func(f *flavor) bool { return f.ID == v.Flavor }); f != nil && v.Project == project {
			switch name {
			case "cores":
				sum += f.CPUs
			case "ram":
				sum += f.RAM
			}
		}
	}
	for _, v := range s.state.Volumes {
		if name == "gigabytes" && v.Project == project {
			sum += v.GiB
		}
	}
	return sum
}

// exceeds tells whether so much more of it would be too much.
func (s *Server) exceeds(project, name string, more int) bool {
	limit := s.limit(name)
	return limit >= 0 && s.used(project, name)+more > limit
}

func count[T any](list []T, fits func(T) bool) (n int) {
	for _, each := range list {
		if fits(each) {
			n++
		}
	}
	return n
}

func overQuota(name string) reply {
	return neutron.conflict("OverQuota", "Quota exceeded for resources: ['%s'].", name)
}
