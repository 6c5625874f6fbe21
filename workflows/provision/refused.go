package provision

import (
	"encoding/json"
	"fmt"
	"slices"

	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// refused says what no change does: what would shrink, rename or replace, or take away what a server has. The sections that
// are later than changes themselves are looked at in runs of a build that knows them.
func refused(was, asked *spec.Server, later bool) []wire.Observation {
	r := refusals{}
	r.placement(was, asked)
	r.storage(was.Spec.Storage, asked.Spec.Storage)
	r.system(was.Spec.OS, asked.Spec.OS)
	r.application(was.Spec.Application, asked.Spec.Application)
	r.pool(was.Spec.LoadBalancer, asked.Spec.LoadBalancer)
	r.item(was.Spec.Inventory, asked.Spec.Inventory)
	r.unknown(was.Spec, asked.Spec, later)
	return r.seen
}

type refusals struct{ seen []wire.Observation }

func (r *refusals) add(what, format string, args ...any) {
	r.seen = append(r.seen, runbook.Problem(what, format, args...))
}

const (
	replaces = "would replace the server: decommission it, or provision another one beside it"
	shrinks  = "would shrink it, which no change does"
	takes    = "takes it away, which no change does: take it out by hand, or provision the server anew"
)

// fixed refuses another value of what is decided when a machine is made.
func (r *refusals) fixed(what, was, asked string) {
	if was != asked {
		r.add(what, "%q instead of %q %s", asked, was, replaces)
	}
}

func (r *refusals) placement(was, asked *spec.Server) {
	w, a := was.Spec, asked.Spec
	for _, f := range []struct{ what, was, asked string }{
		{"metadata.environment", was.Metadata.Environment, asked.Metadata.Environment},
		{"metadata.site", was.Metadata.Site, asked.Metadata.Site},
		{"compute.system", w.Compute.System, a.Compute.System},
		{"compute.template", w.Compute.Template, a.Compute.Template},
		{"compute.datacenter", w.Compute.Datacenter, a.Compute.Datacenter},
		{"compute.folder", w.Compute.Folder, a.Compute.Folder},
		{"compute.pool", w.Compute.Pool, a.Compute.Pool},
		{"compute.datastore", w.Compute.Datastore, a.Compute.Datastore},
		{"compute.network", w.Compute.Network, a.Compute.Network},
		{"compute.customization", w.Compute.Customization, a.Compute.Customization},
		{"compute.annotation", w.Compute.Annotation, a.Compute.Annotation},
		{"compute.tags", text(w.Compute.Tags), text(a.Compute.Tags)},
		{"network", text(w.Network), text(a.Network)},
		{"access.userData", w.Access.UserData, a.Access.UserData},
	} {
		r.fixed(f.what, f.was, f.asked)
	}
	if a.Compute.CPUs < w.Compute.CPUs {
		r.add("compute.cpus", "%d instead of %d %s", a.Compute.CPUs, w.Compute.CPUs, shrinks)
	}
	if a.Compute.Memory < w.Compute.Memory {
		r.add("compute.memory", "%s instead of %s %s", a.Compute.Memory, w.Compute.Memory, shrinks)
	}
}

// text writes a value so that two of them can be compared.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func (r *refusals) storage(was, asked []spec.Volume) {
	for _, w := range was {
		what := "storage " + w.Name
		i := slices.IndexFunc(asked, func(a spec.Volume) bool { return a.Name == w.Name })
		if i < 0 {
			r.add(what, "leaving it out %s", takes)
			continue
		}
		a := asked[i]
		if a.Size < w.Size {
			r.add(what, "%s instead of %s %s", a.Size, w.Size, shrinks)
		}
		a.Size = w.Size
		r.fixed(what, text(w), text(a))
	}
}

func (r *refusals) system(was, asked spec.OS) {
	for _, u := range was.Users {
		i := slices.IndexFunc(asked.Users, func(a spec.User) bool { return a.Name == u.Name })
		if i < 0 {
			r.add("os.users "+u.Name, "leaving it out %s", takes)
		} else {
			r.fixed("os.users "+u.Name, text(u), text(asked.Users[i]))
		}
	}
	for _, name := range was.Packages {
		if !slices.ContainsFunc(asked.Packages, func(a string) bool { return packageName(a) == packageName(name) }) {
			r.add("os.packages "+name, "leaving it out %s", takes)
		}
	}
	r.files("os.files", was.Files, asked.Files)
	for _, s := range was.Services {
		if !slices.ContainsFunc(asked.Services, func(a spec.Service) bool { return a.Name == s.Name }) {
			r.add("os.services "+s.Name, "leaving it out %s", takes)
		}
	}
	if was.Timezone != "" && asked.Timezone == "" {
		r.add("os.timezone", "leaving it out %s", takes)
	}
}

func (r *refusals) files(what string, was, asked []spec.File) {
	for _, f := range was {
		if !slices.ContainsFunc(asked, func(a spec.File) bool { return a.Path == f.Path }) {
			r.add(what+" "+f.Path, "leaving it out %s", takes)
		}
	}
}

func (r *refusals) application(was, asked *spec.Application) {
	switch {
	case was == nil:
		return
	case asked == nil:
		r.add("application", "leaving it out %s", takes)
		return
	case (was.Package == nil) != (asked.Package == nil):
		r.add("application", "a package instead of an archive, or the other way, would replace it")
		return
	}
	if was.Package != nil {
		r.fixed("application.package.name", was.Package.Name, asked.Package.Name)
	}
	if was.Archive != nil && asked.Archive != nil {
		r.fixed("application.archive.into", was.Archive.Into, asked.Archive.Into)
	}
	r.fixed("application.service", was.Service, asked.Service)
	r.files("application.config", was.Config, asked.Config)
}

func (r *refusals) pool(was, asked *spec.LoadBalancer) {
	switch {
	case was == nil:
		return
	case asked == nil:
		r.add("loadBalancer", "leaving it out %s", takes)
		return
	}
	r.fixed("loadBalancer.system", was.System, asked.System)
	r.fixed("loadBalancer.backend", was.Backend, asked.Backend)
}

// item refuses another class: a database may give its item a better one by itself, and no change moves it.
func (r *refusals) item(was, asked *spec.Inventory) {
	if was != nil && asked != nil && was.System == asked.System && was.Class != asked.Class {
		r.add("inventory.class", "%q instead of %q: no change moves an item into another class; do it in the database", asked.Class, was.Class)
	}
}

// known are the sections of a server's spec that a change understands, wholly or as it refuses above.
func known() []string {
	return append([]string{"compute", "network", "access", "storage", "os", "application", "firewall", "loadBalancer", "ticket", "run"}, laterSections()...)
}

func laterSections() []string { return []string{"configuration", "dns", "inventory"} }

// unknown refuses a change of what this process does not look at: it would be recorded and not done.
func (r *refusals) unknown(was, asked spec.ServerSpec, later bool) {
	before, after := sections(was), sections(asked)
	names := make([]string, 0, len(before)+len(after))
	for name := range before {
		names = append(names, name)
	}
	for name := range after {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		understood := slices.Contains(known(), name) && (later || !slices.Contains(laterSections(), name))
		if !understood && string(before[name]) != string(after[name]) {
			r.add(name, "a change of this section is not carried out on a server that exists")
		}
	}
}

func sections(s spec.ServerSpec) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	_ = json.Unmarshal([]byte(text(s)), &out) // It was just written.
	return out
}
