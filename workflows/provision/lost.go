package provision

import (
	"fermata/activities/firewall"
	"fermata/activities/loadbalancer"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// What the record says was made, what is in force, and what the service would load are three things: a reload loses what
// stands in no file, and a file can be edited by hand. A loss forbids nothing, so these observations are no problems.

// lostRules compares the rules that the server was made with against what the firewall holds.
func lostRules(name, device string, server *spec.Server, installed []firewall.Installed) []wire.Observation {
	var seen []wire.Observation
	for _, want := range server.Spec.Firewall {
		if want.System != device {
			continue
		}
		runtime, saved := false, false
		for _, r := range installed {
			if r.Name == want.Name {
				runtime, saved = r.Runtime, r.Saved
			}
		}
		if text := lost(runtime, saved); text != "" {
			seen = append(seen, runbook.Fine(name, "rule %q of the record %s", want.Name, text))
		}
	}
	return seen
}

// lostMember compares the pool's member that the server was made with against what the balancer holds.
func lostMember(name string, server *spec.Server, members []loadbalancer.Status) []wire.Observation {
	want := server.Spec.LoadBalancer
	runtime, saved := false, false
	for _, m := range members {
		if m.Backend == want.Backend && m.Name == server.Metadata.Name {
			runtime, saved = m.Runtime != loadbalancer.Absent, m.Saved != loadbalancer.Absent
		}
	}
	if text := lost(runtime, saved); text != "" {
		return []wire.Observation{runbook.Fine(name, "member %s/%s of the record %s", want.Backend, server.Metadata.Name, text)}
	}
	return nil
}

// lost says which half is missing; nothing if none is.
func lost(runtime, saved bool) string {
	switch {
	case !runtime && !saved:
		return "is gone: neither in force nor in the file; somebody else removed it"
	case !runtime:
		return "is in the file but not in force: a reload or a restart went wrong"
	case !saved:
		return "is in force but not in the file: the next reload loses it"
	}
	return ""
}
