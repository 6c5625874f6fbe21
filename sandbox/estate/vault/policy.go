package vault

import (
	"slices"
	"strings"
)

// Policy opens paths to capabilities: "kv/data/web-01/*": {"read"}. A plus sign stands for one segment, an asterisk at the
// end for any rest. Of several paths that fit, the most exact decides, and deny wins over everything.
type Policy map[string][]string

// capabilityOf is what a request needs.
func capabilityOf(method string, exists bool) string {
	switch method {
	case "GET":
		return "read"
	case "LIST":
		return "list"
	case "DELETE":
		return "delete"
	}
	if exists {
		return "update"
	}
	return "create"
}

// allows reports whether the token's policies open the path.
func (s *Server) allows(t *token, path, capability string) bool {
	if t.root {
		return true
	}
	best, found := -1, []string(nil)
	for _, name := range append([]string{"default"}, t.policies...) {
		for pattern, capabilities := range s.policy(name) {
			exactness, fits := match(pattern, path)
			switch {
			case !fits || exactness < best:
			case exactness == best:
				found = append(found, capabilities...)
			default:
				best, found = exactness, slices.Clone(capabilities)
			}
		}
	}
	return slices.Contains(found, capability) && !slices.Contains(found, "deny")
}

// policy returns the rules of that name. Every Vault has one called default, which lets a token look after itself.
func (s *Server) policy(name string) Policy {
	if name == "default" {
		return Policy{"auth/token/lookup-self": {"read"}, "auth/token/renew-self": {"update"}, "auth/token/revoke-self": {"update"}}
	}
	return s.options.Policies[name]
}

// match reports whether the pattern fits the path, and how exact it is: the literal characters before its first wildcard.
func match(pattern, path string) (exactness int, fits bool) {
	exactness = len(pattern) + 1 // No wildcard: more exact than any with one.
	if i := strings.IndexAny(pattern, "+*"); i >= 0 {
		exactness = i
	}
	rest, glob := strings.CutSuffix(pattern, "*")
	want, have := strings.Split(rest, "/"), strings.Split(path, "/")
	if len(have) < len(want) || !glob && len(have) != len(want) {
		return 0, false
	}
	for i, w := range want {
		last := glob && i == len(want)-1
		if w != "+" && w != have[i] && !(last && strings.HasPrefix(have[i], w)) {
			return 0, false
		}
	}
	return exactness, true
}
