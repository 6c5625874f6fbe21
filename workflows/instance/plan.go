package instance

import (
	"encoding/json"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/cloud"
	"fermata/activities/database"
	"fermata/activities/directory"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/inventory"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// resolved is what the plan found out and the steps need. The plan's hash covers it.
type resolved struct {
	Placement     cloud.Placement   `json:"placement"`
	CPUs          int               `json:"cpus"`
	MemoryBytes   int64             `json:"memory_bytes"`
	AuthorizedKey string            `json:"authorized_key"`
	Database      database.Endpoint `json:"database,omitzero"`
}

// Plan reads every system that the run will touch.
func (p *instance) Plan(ctx workflow.Context) (wire.Preview, error) {
	missing, err := runbook.Polled(ctx, p.spec.Metadata.Site, capabilitiesOf(p.spec)...)
	if err != nil || len(missing) > 0 {
		return wire.Preview{Observations: missing}, err
	}
	var r resolved
	pins := slices.Clone(p.pins)
	pin := func(versions []secret.Pinned) {
		if !p.planned {
			pins = versions
		}
	}
	seen := runbook.Look(ctx, p.readings(&r, pin)...)
	content, err := json.Marshal(r)
	if err != nil {
		return wire.Preview{}, fmt.Errorf("keeping what was resolved: %w", err)
	}
	return wire.Preview{
		Plan: wire.Plan{Changes: runbook.Shown(p.all(nil, r)), Resolved: content, Secrets: pins}, Observations: seen,
	}, nil
}

func (p *instance) readings(r *resolved, pin func([]secret.Pinned)) []runbook.Reading {
	s := p.spec.Spec
	readings := []runbook.Reading{
		p.lookAtCloud(r), runbook.LookAtGuests(s.Access.System, p.secrets(), &r.AuthorizedKey, pin), runbook.LookAtRecords, p.lookAtExpiries,
	}
	for _, device := range runbook.Firewalls(s.Firewall) {
		readings = append(readings, runbook.LookAtFirewall(device, p.Owner(), p.made))
	}
	for _, system := range directoriesOf(p.spec) {
		readings = append(readings, p.lookAtDirectory(system))
	}
	if s.Database != nil {
		readings = append(readings, p.lookAtDatabase(r))
	}
	if s.Ticket != nil {
		readings = append(readings, p.desk(nil).LookAt)
	}
	if s.Inventory != nil {
		readings = append(readings, runbook.LookAtInventory(s.Inventory, p.Owner(), p.spec.Metadata.Name, p.made))
	}
	if s.Application != nil {
		readings = append(readings, runbook.LookAtProber(s.Application.Health.System))
	}
	return readings
}

func (p *instance) secrets() []secret.Ref {
	if a := p.spec.Spec.Application; a != nil {
		return p.pins.Refs(p.spec.Spec.OS.Files, a.Config)
	}
	return p.pins.Refs(p.spec.Spec.OS.Files)
}

func capabilitiesOf(i *spec.Instance) []string {
	s := i.Spec
	names := []string{cloud.Capability, guest.Capability}
	for _, c := range []struct {
		name   string
		needed bool
	}{
		{firewall.Capability, len(s.Firewall) > 0},
		{directory.Capability, len(s.Accounts.Directory) > 0},
		{database.Capability, s.Database != nil},
		{ticketing.Capability, s.Ticket != nil},
		{inventory.Capability, s.Inventory != nil},
		{probe.Capability, s.Application != nil},
	} {
		if c.needed {
			names = append(names, c.name)
		}
	}
	return names
}

// made reports whether this very run made the object that carries the key: its steps adopt it.
func (p *instance) made(key string) bool { return operation.Key{Run: p.run}.SameRun(key) }

// taken says whose the object is that is in the way.
func taken(key string, owner operation.Owner) string {
	if owner == "" {
		return "it was not made by Fermata"
	}
	return fmt.Sprintf("it belongs to %s (key %s)", owner, key)
}

func (p *instance) lookAtCloud(r *resolved) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		c := p.spec.Spec.Cloud
		name := runbook.System(cloud.Capability, c.System)
		out, err := cloud.Plan(ctx, cloud.PlanInput{System: c.System, Request: cloud.PlanRequest{
			Owner: p.Owner(), Name: p.spec.Metadata.Name, Image: c.Image, Flavor: c.Flavor, Network: c.Network, Address: c.Address,
			Zone: c.Zone, KeyPair: c.KeyPair, Public: c.Public, Volumes: p.volumes(),
		}})
		if err != nil {
			return runbook.Failed(name, err)
		}
		planned := out.Planned
		r.Placement, r.CPUs, r.MemoryBytes = planned.Placement, planned.CPUs, planned.MemoryBytes
		seen := []wire.Observation{runbook.Fine(name, "reachable; image %s, flavour %s, network %s",
			planned.Placement.Image.Name, planned.Placement.Flavor.Name, planned.Placement.Network.Name)}
		own := false
		for _, m := range planned.Existing {
			if p.made(m.Key) {
				own = true
				continue
			}
			seen = append(seen, runbook.Problem("name", "an instance %q exists already and %s: decommission it or choose another name", m.Name, taken(m.Key, m.Owner)))
		}
		for _, holder := range planned.AddressHeldBy {
			if !own {
				seen = append(seen, runbook.Problem("address", "%s is in use by %q", c.Address, holder.Name))
			}
		}
		return append(seen, quotas(planned.Quotas, own)...)
	}
}

// quotas says where the project's limits leave no room; a run that has made its instance already needs none.
func quotas(all []cloud.Quota, own bool) []wire.Observation {
	var seen []wire.Observation
	for _, q := range all {
		if !q.Enough() && !own {
			seen = append(seen, runbook.Problem("quota", "%s: %d of %d are used, %d more are needed", q.Name, q.Used, q.Limit, q.Needed))
		}
	}
	if len(seen) == 0 && len(all) > 0 {
		seen = append(seen, runbook.Fine("quota", "leaves room for the instance"))
	}
	return seen
}

func (p *instance) volumes() []cloud.Volume {
	var volumes []cloud.Volume
	for _, v := range p.spec.Spec.Storage {
		volumes = append(volumes, cloud.Volume{Name: v.Name, Bytes: int64(v.Size), Type: v.Type})
	}
	return volumes
}

// lookAtExpiries refuses an account that would have ended before it begins.
func (p *instance) lookAtExpiries(ctx workflow.Context) []wire.Observation {
	var seen []wire.Observation
	for _, e := range expiriesOf(p.spec) {
		if !e.At.After(workflow.Now(ctx)) {
			seen = append(seen, runbook.Problem("account "+e.Account, "expires at %s, which is over", e.At.Format("2006-01-02T15:04:05Z")))
		}
	}
	return seen
}

// directoriesOf are the directories that accounts go to, each once.
func directoriesOf(i *spec.Instance) []string {
	var names []string
	for _, a := range i.Spec.Accounts.Directory {
		if !slices.Contains(names, a.System) {
			names = append(names, a.System)
		}
	}
	return names
}

func (p *instance) lookAtDirectory(system string) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(directory.Capability, system)
		var accounts []spec.DirectoryAccount
		var groups []string
		for _, a := range p.spec.Spec.Accounts.Directory {
			if a.System == system {
				accounts = append(accounts, a)
				groups = append(groups, a.Groups...)
			}
		}
		slices.Sort(groups)
		if _, err := directory.Check(ctx, directory.CheckInput{System: system, Groups: slices.Compact(groups)}); err != nil {
			return runbook.Failed(name, err)
		}
		seen := []wire.Observation{runbook.Fine(name, "reachable; all groups are there")}
		for _, a := range accounts {
			found, err := directory.FindAccounts(ctx, directory.FindAccountsInput{System: system, Name: a.Name})
			if err != nil {
				return runbook.Failed(name, err)
			}
			for _, held := range found.Accounts {
				if !p.made(held.Key) {
					seen = append(seen, runbook.Problem(name, "account %q exists already and %s: choose another name", held.Name, taken(held.Key, held.Owner)))
				}
			}
		}
		return seen
	}
}

func (p *instance) lookAtDatabase(r *resolved) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		d := p.spec.Spec.Database
		name := runbook.System(database.Capability, d.System)
		checked, err := database.Check(ctx, database.CheckInput{System: d.System})
		if err != nil {
			return runbook.Failed(name, err)
		}
		r.Database = checked.Endpoint
		newest, err := database.NewestPassword(ctx, database.NewestPasswordInput{Secret: secret.Ref(d.Password)})
		if err != nil {
			return runbook.Failed(name, err)
		}
		found, err := database.Find(ctx, database.FindInput{System: d.System, Names: append([]string{d.Name}, loginsOf(d)...), Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		seen := []wire.Observation{runbook.Fine(name, "%s reachable; makes roles and databases", checked.Endpoint.Engine)}
		if newest.Version != "" {
			seen = append(seen, runbook.Fine(name, "%s holds a secret already (version %s): the password becomes a newer version of it", d.Password, newest.Version))
		}
		for _, held := range slices.Concat(found.Found.Databases, found.Found.Roles) {
			if !p.made(held.Key) {
				seen = append(seen, runbook.Problem(name, "%q exists already and %s: choose another name, or remove it", held.Name, taken(held.Key, held.Owner)))
			}
		}
		return seen
	}
}
