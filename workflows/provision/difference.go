package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"fermata/activities/compute"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/loadbalancer"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// difference is what a change does, with the image of before. The plan's hash covers it.
type difference struct {
	Record   string        `json:"record"`            // Hash of the record that the change goes out from.
	Network  *spec.Network `json:"network,omitempty"` // As it was chosen from a range; nil: as the document has it.
	Paper    []string      `json:"paper,omitempty"`
	Machine  compute.Ref   `json:"machine"`
	Size     *sizes        `json:"size,omitempty"`
	Grown    []grown       `json:"grown,omitempty"`
	Added    []added       `json:"added,omitempty"`
	Packages []pair        `json:"packages,omitempty"`
	Users    []string      `json:"users,omitempty"`
	Timezone *pair         `json:"timezone,omitempty"`
	Files    []pair        `json:"files,omitempty"`
	Services []serviceDiff `json:"services,omitempty"`
	App      *appDiff      `json:"application,omitempty"`
	Rules    []rulesDiff   `json:"rules,omitempty"`
	Member   *memberDiff   `json:"member,omitempty"`
	Names    *namesDiff    `json:"names,omitempty"`
	Item     *itemDiff     `json:"item,omitempty"`
	// Playbooks are all plays that are asked for, whether they are applied or not: the next change goes out from them.
	Playbooks []playDiff `json:"playbooks,omitempty"`
}

// pair is a value before and after, under the name of what has it.
type pair struct {
	Name string `json:"name"`
	Was  string `json:"was"`
	Is   string `json:"is"`
}

type sizes struct {
	Was      compute.Size `json:"was"`
	Is       compute.Size `json:"is"`
	Restarts bool         `json:"restarts"`
}

type grown struct {
	Volume string `json:"volume"`
	UUID   string `json:"uuid"`
	Was    int64  `json:"was"`
	Is     int64  `json:"is"`
}

type added struct {
	Volume    string      `json:"volume"`
	Datastore compute.Ref `json:"datastore"`
}

type serviceDiff struct {
	Name string             `json:"name"`
	Was  guest.ServiceState `json:"was"`
	Is   guest.ServiceState `json:"is"`
}

// appDiff is an application as it was. Parts say what of it changes.
type appDiff struct {
	Version string `json:"version,omitempty"`
	Archive string `json:"archive,omitempty"`
	Parts   []pair `json:"parts"`
}

type rulesDiff struct {
	Device string               `json:"device,omitempty"`
	Out    []firewall.Installed `json:"out,omitempty"`
	In     []firewall.Installed `json:"in,omitempty"`
}

type memberDiff struct {
	Was *loadbalancer.Member `json:"was,omitempty"` // nil: it joins the pool.
	Is  loadbalancer.Member  `json:"is"`
	// Drains: it takes no traffic while this run works on it. Opens: it takes none now, and should.
	Drains bool `json:"drains,omitempty"`
	Opens  bool `json:"opens,omitempty"`
}

// empty reports whether everything is as it is asked for.
func (d difference) empty() bool {
	return d.Size == nil && len(d.Grown) == 0 && len(d.Added) == 0 && len(d.Packages) == 0 && len(d.Users) == 0 && d.Timezone == nil &&
		len(d.Files) == 0 && len(d.Services) == 0 && d.App == nil && len(d.Rules) == 0 && d.Member == nil && !d.plays() &&
		d.Names == nil && d.Item == nil
}

// difference compares what is asked for with what is. Its observations are what forbids the change.
func (p *change) difference(now reality) (difference, []wire.Observation) {
	d := difference{Machine: compute.Ref{ID: now.machine.ID, Name: now.machine.Name}}
	problems := slices.Concat(p.size(now, &d), p.storage(now, &d), p.system(now, &d))
	p.configuration(now, &d)
	p.application(now, &d)
	for _, device := range p.firewalls() {
		p.rules(device, now, &d)
	}
	problems = slices.Concat(problems, p.member(now, &d), p.names(now, &d), inTheWay(now), p.item(now, &d))
	if text(p.was.server) != text(p.asked.server) {
		d.Paper = p.onPaper()
	}
	return d, problems
}

// onPaper names the sections of the spec that are recorded anew.
func (p *change) onPaper() (names []string) {
	was, asked := sections(p.was.server.Spec), sections(p.asked.server.Spec)
	for _, name := range known() {
		if string(was[name]) != string(asked[name]) {
			names = append(names, name)
		}
	}
	names = append(names, p.unplayed()...)
	if text(p.was.server.Metadata) != text(p.asked.server.Metadata) {
		names = append(names, "metadata")
	}
	return names
}

func (p *change) size(now reality, d *difference) []wire.Observation {
	c, m := p.asked.server.Spec.Compute, now.machine
	s := sizes{Was: compute.Size{CPUs: m.CPUs, MemoryBytes: m.MemoryBytes}, Is: compute.Size{CPUs: c.CPUs, MemoryBytes: int64(c.Memory)}}
	var seen []wire.Observation
	if s.Is.CPUs < s.Was.CPUs {
		seen = append(seen, runbook.Problem("compute.cpus", "the machine has %d: %d %s", s.Was.CPUs, s.Is.CPUs, shrinks))
	}
	if s.Is.MemoryBytes < s.Was.MemoryBytes {
		seen = append(seen, runbook.Problem("compute.memory", "the machine has %s: %s %s", spec.Size(s.Was.MemoryBytes), c.Memory, shrinks))
	}
	if s.Was == s.Is || len(seen) > 0 {
		return seen
	}
	s.Restarts = s.Is.CPUs > s.Was.CPUs && !m.CPUHotAdd || s.Is.MemoryBytes > s.Was.MemoryBytes && !m.MemHotAdd
	d.Size = &s
	return nil
}

func (p *change) storage(now reality, d *difference) (seen []wire.Observation) {
	for _, v := range p.asked.server.Spec.Storage {
		disk, has := diskOf(now.machine, v.Name)
		recorded := slices.ContainsFunc(p.was.server.Spec.Storage, func(w spec.Volume) bool { return w.Name == v.Name })
		switch {
		case !has && recorded:
			seen = append(seen, runbook.Problem("storage "+v.Name, "the machine has no such disk any more: a person must look for it"))
		case !has:
			d.Added = append(d.Added, added{Volume: v.Name, Datastore: now.datastores[v.Name]})
		case disk.Bytes > int64(v.Size):
			seen = append(seen, runbook.Problem("storage "+v.Name, "the disk has %s: %s %s", spec.Size(disk.Bytes), v.Size, shrinks))
		case disk.Bytes < int64(v.Size) || !full(now.guest, v.Name):
			d.Grown = append(d.Grown, grown{Volume: v.Name, UUID: disk.UUID, Was: disk.Bytes, Is: int64(v.Size)})
		}
	}
	return seen
}

func full(seen guest.Inspection, volume string) bool {
	for _, v := range seen.Volumes {
		if v.Name == volume {
			return v.Filesystem == 0 || v.Full() // Nothing is told of one that is not mounted: that is drift, not size.
		}
	}
	return true
}

func packageName(wanted string) string {
	name, _, _ := strings.Cut(wanted, "=")
	return name
}

func (p *change) system(now reality, d *difference) (seen []wire.Observation) {
	os := p.asked.server.Spec.OS
	for _, wanted := range os.Packages {
		name, version, exact := strings.Cut(wanted, "=")
		have := now.guest.Packages[name]
		if have == "" || exact && have != version {
			d.Packages = append(d.Packages, pair{Name: wanted, Was: orNone(have), Is: wanted})
		}
	}
	for _, u := range os.Users {
		if !slices.Contains(now.guest.Users, u.Name) {
			d.Users = append(d.Users, u.Name)
		}
	}
	if os.Timezone != "" && os.Timezone != now.guest.Timezone {
		d.Timezone = &pair{Name: "time zone", Was: now.guest.Timezone, Is: os.Timezone}
	}
	d.Files = p.files(os.Files, now.guest.Files)
	for _, s := range os.Services {
		is := serviceState(s)
		if was := now.guest.Services[s.Name]; was != is {
			d.Services = append(d.Services, serviceDiff{Name: s.Name, Was: was, Is: is})
		}
	}
	return nil
}

// serviceState is how a service should be.
func serviceState(s spec.Service) guest.ServiceState {
	return guest.ServiceState{Enabled: s.Enabled == nil || *s.Enabled, Running: s.State != spec.StateStopped}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// files are those that differ. Of a secret nothing but its reference is told.
func (p *change) files(asked []spec.File, states []guest.FileState) (changed []pair) {
	for i, f := range asked {
		if i >= len(states) || states[i].Same {
			continue
		}
		changed = append(changed, pair{Name: f.Path, Was: fileText(states[i], f.Secret != ""), Is: askedText(f)})
	}
	return changed
}

func fileText(s guest.FileState, secret bool) string {
	switch {
	case !s.Exists:
		return "none"
	case secret:
		return "another secret, " + s.Mode + " " + s.Owner
	case s.SHA256 == "":
		return "a link"
	}
	return "sha256:" + s.SHA256[:12] + " " + s.Mode + " " + s.Owner
}

func askedText(f spec.File) string {
	content := f.Secret
	if content == "" {
		sum := sha256.Sum256([]byte(f.Content))
		content = "sha256:" + hex.EncodeToString(sum[:])[:12]
	}
	return content + " " + strings.TrimLeft(f.Mode, "0") + " " + f.Owner
}

// application compares version or archive, files, and whether the service runs.
func (p *change) application(now reality, d *difference) {
	a := p.asked.server.Spec.Application
	if a == nil {
		return
	}
	app := appDiff{Archive: now.guest.Archive}
	if a.Package != nil {
		app.Version = now.guest.Packages[a.Package.Name]
		if app.Version != a.Package.Version {
			app.Parts = append(app.Parts, pair{Name: "package " + a.Package.Name, Was: orNone(app.Version), Is: a.Package.Version})
		}
		if was := p.was.server.Spec.Application; was != nil && was.Package != nil && text(was.Package.Repository) != text(a.Package.Repository) {
			app.Parts = append(app.Parts, pair{Name: "repository of " + a.Package.Name, Was: "as recorded", Is: "as asked for"})
		}
	}
	if a.Archive != nil && app.Archive != strings.ToLower(a.Archive.SHA256) {
		app.Parts = append(app.Parts, pair{Name: "archive in " + a.Archive.Into, Was: orNone(app.Archive), Is: strings.ToLower(a.Archive.SHA256)})
	}
	states := now.guest.Files[min(len(p.asked.server.Spec.OS.Files), len(now.guest.Files)):]
	files, err := p.asked.rendered(p.asked.pins.Files(a.Config))
	if err == nil { // It was rendered to be looked at.
		app.Parts = append(app.Parts, p.files(files, states)...)
	}
	if a.Service != "" && !now.guest.Services[a.Service].Running {
		app.Parts = append(app.Parts, pair{Name: "service " + a.Service, Was: "stopped", Is: "running"})
	}
	if len(app.Parts) > 0 {
		d.App = &app
	}
}

// rules are exchanged where they let something else through, or only half of one is there.
func (p *change) rules(device string, now reality, d *difference) {
	diff := rulesDiff{Device: device}
	wanted := runbook.RulesFor(device, p.asked.server.Spec.Firewall, p.asked.address())
	for _, have := range now.rules[device] {
		i := slices.IndexFunc(wanted, func(w firewall.Rule) bool { return w.Name == have.Name })
		if i < 0 || ruleText(wanted[i]) != ruleText(have.Rule) {
			diff.Out = append(diff.Out, have)
		}
	}
	for _, want := range wanted {
		i := slices.IndexFunc(now.rules[device], func(have firewall.Installed) bool {
			return have.Name == want.Name && ruleText(have.Rule) == ruleText(want)
		})
		switch {
		case i < 0:
			diff.In = append(diff.In, firewall.Installed{Rule: want, Owner: p.Owner()}) // Its key is the step's.
		case !now.rules[device][i].Runtime || !now.rules[device][i].Saved:
			diff.In = append(diff.In, now.rules[device][i]) // Completed, under its own key.
		}
	}
	if len(diff.Out)+len(diff.In) > 0 {
		d.Rules = append(d.Rules, diff)
	}
}

// member says what happens to the pool's member: it joins, changes, stands aside while its server changes, or is let in again.
func (p *change) member(now reality, d *difference) []wire.Observation {
	if p.asked.server.Spec.LoadBalancer == nil {
		return nil
	}
	m := memberDiff{Is: p.asked.pooled()}
	if now.member == nil {
		d.Member = &m
		return nil
	}
	was := now.member.Member
	if was.Address != m.Is.Address {
		return []wire.Observation{runbook.Problem("member", "%s/%s has the address %s, not %s: a person must look at it", was.Backend, was.Name, was.Address, m.Is.Address)}
	}
	m.Was = &was
	m.Drains = d.Size != nil && d.Size.Restarts || d.App != nil || d.plays() || was.Port != m.Is.Port
	m.Opens = now.member.Runtime != loadbalancer.Ready || now.member.Saved != loadbalancer.Ready
	if m.Drains || m.Opens || memberText(was) != memberText(m.Is) {
		d.Member = &m
	}
	return nil
}

func memberText(m loadbalancer.Member) string {
	return fmt.Sprintf("%s weight %d", runbook.Joined(m.Address, m.Port), max(m.Weight, 1))
}
