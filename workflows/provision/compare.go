package provision

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// CompareServer looks where a server differs from what its record says. It changes nothing.
func CompareServer(ctx workflow.Context, in wire.CompareInput) (wire.Comparison, error) {
	owner := operation.Owner("server/" + in.Name)
	ctx = operation.WithRoute(ctx, operation.Route{RetryFor: time.Minute, Summary: "compare"})
	last, err := lastRecord(ctx, owner, true)
	if err != nil {
		return wire.Comparison{}, err
	}
	if last == nil {
		return wire.Comparison{Owner: owner}, nil // Nothing is under management: who asked sees that no record is named.
	}
	p := &provision{run: last.run, server: last.server, pins: last.secrets, planned: true, books: last.books, dry: true}
	out := wire.Comparison{Owner: owner, Run: last.run, Record: last.record}
	ctx = operation.WithRoute(ctx, operation.Route{Site: last.server.Metadata.Site, RetryFor: time.Minute, Summary: "compare"})
	missing, err := runbook.Polled(ctx, last.server.Metadata.Site, p.capabilities()...)
	if err != nil || len(missing) > 0 {
		out.Unread = missing
		return out, err
	}
	now := reality{rules: map[string][]firewall.Installed{}}
	readings := []runbook.Reading{p.seeMachine(&now)}
	for _, device := range p.firewalls() {
		readings = append(readings, p.seeRules(device, &now))
	}
	if p.server.Spec.LoadBalancer != nil {
		readings = append(readings, p.seeMember(&now))
	}
	later := looksLater(ctx, p.server)
	if later && p.server.Spec.DNS != nil {
		readings = append(readings, p.seeNames(&now))
	}
	if later && p.server.Spec.Inventory != nil {
		readings = append(readings, p.seeItem(&now))
	}
	plays, played := p.laterPlays(later)
	seen := runbook.Look(ctx, append(readings, plays...)...)
	if now.machine.Power == compute.PoweredOn {
		seen = append(seen, runbook.Look(ctx, p.seeGuest(&now, &now.before))...)
		books, _ := played()
		seen = append(seen, p.foresee(ctx, now.machine, books, &now.plays)...)
	}
	items, unseen := comparedPlays(p, now.plays)
	out.Items = append(compared(p, now), items...)
	out.Unread = append((wire.Preview{Observations: seen}).Problems(), unseen...)
	return out, nil
}

// drifted tells of each thing that is not as the record says. It forbids nothing: the change goes out from what is.
func drifted(was *provision, now reality) (seen []wire.Observation) {
	for _, i := range compared(was, now) {
		if i.Drift {
			seen = append(seen, runbook.Fine("drift", "%s: recorded %s, actual %s", i.Object, i.Recorded, i.Actual))
		}
	}
	return seen
}

type comparison struct{ items []wire.Item }

func (c *comparison) add(object, recorded, actual string) {
	c.items = append(c.items, wire.Item{Object: object, Recorded: recorded, Actual: actual, Drift: recorded != actual})
}

// compared holds a server's record against what the systems say. What could not be read is left out.
func compared(p *provision, now reality) []wire.Item {
	c := &comparison{}
	if now.machine.ID != "" {
		c.machine(p.server, now)
	}
	if now.before.Services != nil { // The guest was looked at.
		c.system(p, now.before)
	}
	for _, device := range runbook.Firewalls(p.server.Spec.Firewall) {
		if rules, read := now.rules[device]; read {
			c.rules(runbook.RulesFor(device, p.server.Spec.Firewall, p.address()), device, rules)
		}
	}
	if p.server.Spec.LoadBalancer != nil {
		c.member(p.pooled(), now.member)
	}
	if now.named {
		c.names(p, now)
	}
	if now.listed {
		c.configurationItem(p, now)
	}
	return c.items
}

func (c *comparison) machine(server *spec.Server, now reality) {
	m := now.machine
	c.add("machine "+server.Metadata.Name, "on", string(m.Power))
	c.add("CPUs", fmt.Sprint(server.Spec.Compute.CPUs), fmt.Sprint(m.CPUs))
	c.add("memory", server.Spec.Compute.Memory.String(), spec.Size(m.MemoryBytes).String())
	for _, v := range server.Spec.Storage {
		actual := "none"
		if disk, has := diskOf(m, v.Name); has {
			actual = spec.Size(disk.Bytes).String()
		}
		c.add("disk "+v.Name, v.Size.String(), actual)
	}
}

func (c *comparison) system(p *provision, seen guest.Inspection) {
	os := p.server.Spec.OS
	for _, v := range p.server.Spec.Storage {
		for _, size := range seen.Volumes {
			if size.Name == v.Name {
				c.add("volume "+v.Name, v.Filesystem+" at "+v.Mount, size.Type+" at "+orNone(size.Mount))
			}
		}
	}
	if os.Timezone != "" {
		c.add("time zone", os.Timezone, seen.Timezone)
	}
	for _, wanted := range os.Packages {
		name, version, exact := strings.Cut(wanted, "=")
		have := seen.Packages[name]
		if !exact && have != "" {
			version, have = "installed", "installed"
		}
		c.add("package "+name, version, orNone(have))
	}
	for _, u := range os.Users {
		actual := "none"
		if slices.Contains(seen.Users, u.Name) {
			actual = "exists"
		}
		c.add("user "+u.Name, "exists", actual)
	}
	for _, s := range os.Services {
		c.add("service "+s.Name, serviceText(serviceState(s)), serviceText(seen.Services[s.Name]))
	}
	files := os.Files
	if a := p.server.Spec.Application; a != nil {
		c.application(*a, seen)
		rendered, err := p.rendered(p.pins.Files(a.Config))
		if err == nil { // It was rendered to be looked at.
			files = slices.Concat(files, rendered)
		}
	}
	c.files(files, seen.Files)
}

func (c *comparison) files(files []spec.File, states []guest.FileState) {
	for i, f := range files {
		if i >= len(states) {
			return
		}
		recorded := askedText(f)
		actual := recorded
		if !states[i].Same {
			actual = fileText(states[i], f.Secret != "")
		}
		c.add("file "+f.Path, recorded, actual)
	}
}

func (c *comparison) application(a spec.Application, seen guest.Inspection) {
	if a.Package != nil {
		c.add("application "+a.Package.Name, a.Package.Version, orNone(seen.Packages[a.Package.Name]))
	}
	if a.Archive != nil {
		c.add("application in "+a.Archive.Into, strings.ToLower(a.Archive.SHA256), orNone(seen.Archive))
	}
	if a.Service != "" {
		c.add("service "+a.Service, "enabled, running", serviceText(seen.Services[a.Service]))
	}
}

func (c *comparison) rules(wanted []firewall.Rule, device string, have []firewall.Installed) {
	place := "rule "
	if device != "" {
		place += device + "/"
	}
	for _, w := range wanted {
		actual := "none"
		for _, h := range have {
			if h.Name == w.Name {
				actual = ruleText(h.Rule) + half(h.Runtime, h.Saved)
			}
		}
		c.add(place+w.Name, ruleText(w), actual)
	}
	for _, h := range have {
		if !slices.ContainsFunc(wanted, func(w firewall.Rule) bool { return w.Name == h.Name }) {
			c.add(place+h.Name, "none", ruleText(h.Rule)+half(h.Runtime, h.Saved))
		}
	}
}

// half says which half of an object is missing.
func half(runtime, saved bool) string {
	if text := lost(runtime, saved); text != "" {
		return " (" + text + ")"
	}
	return ""
}

func (c *comparison) member(want loadbalancer.Member, have *loadbalancer.Status) {
	actual := "none"
	if have != nil {
		actual = memberText(have.Member) + ", " + string(have.Runtime)
		if have.Saved != have.Runtime {
			actual += ", saved as " + string(have.Saved)
		}
	}
	c.add("member "+want.Backend+"/"+want.Name, memberText(want)+", "+string(loadbalancer.Ready), actual)
}
