package provision

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/loadbalancer"
	"fermata/activities/probe"
	"fermata/activities/record"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// standing is a server that is in service, as the activities of a change see it. The drivers are not under test here.
type standing struct {
	*world
	machine  compute.Machine
	rules    []firewall.Installed
	member   *loadbalancer.Status
	packages map[string]string
	files    map[string]string // Content by path.
	image    map[string]string // Files and, as "version", the application's version before a change.
	services map[string]guest.ServiceState
	users    []string
	zone     string
	sizes    map[string]int64 // Of file systems.
	// unreadable: inspections of so many packages of the system fail; 0: none does.
	unreadable int
	broken     string // Version of the application that does not answer.
}

const formerRun = "01HZZZZZZZZZZZZZZZZZZZZZZZ"

// inService makes a server that was provisioned as the example asks, and then a document that asks for something else.
func inService(t *testing.T, ask func(*spec.Server), was ...func(*spec.Server)) (*bench, *standing) {
	t.Helper()
	b := setup(t, was...)
	recorded := &spec.Server{}
	require.NoError(t, json.Unmarshal(b.document, recorded))
	s := &standing{
		world: b.estate, packages: map[string]string{}, files: map[string]string{}, services: map[string]guest.ServiceState{},
		sizes: map[string]int64{},
	}
	s.make(t, recorded)
	b.estate.records = []record.Record{{Run: formerRun, Kind: wire.ProvisionServer, Outcome: string(wire.Done), Owner: "server/web-01", Spec: b.document}}
	b.estate.objects = map[string]string{}
	asked := &spec.Server{}
	require.NoError(t, json.Unmarshal(b.document, asked))
	ask(asked)
	var err error
	b.document, err = json.Marshal(asked)
	require.NoError(t, err)
	s.register(b)
	return b, s
}

// make brings everything to what the spec asks for.
func (s *standing) make(t *testing.T, server *spec.Server) {
	t.Helper()
	p := &provision{server: server}
	c := server.Spec.Compute
	s.machine = compute.Machine{
		ID: "vm-1", Name: server.Metadata.Name, Owner: "server/web-01", Power: compute.PoweredOn, CPUs: c.CPUs, MemoryBytes: int64(c.Memory),
		HostKeys: []string{"k"}, CPUHotAdd: true, MemHotAdd: true,
	}
	for _, v := range server.Spec.Storage {
		s.machine.Disks = append(s.machine.Disks, compute.Disk{Name: v.Name, UUID: "uuid-" + v.Name, Bytes: int64(v.Size), Key: formerRun + "/disk/web-01"})
		s.sizes["uuid-"+v.Name] = int64(v.Size)
	}
	for _, r := range runbook.RulesFor("", p.server.Spec.Firewall, p.address()) {
		s.rules = append(s.rules, firewall.Installed{Rule: r, Key: formerRun + "/firewall/web-01", Owner: p.Owner(), Runtime: true, Saved: true})
	}
	s.member = &loadbalancer.Status{Member: p.pooled(), Key: formerRun + "/pool/web-01", Owner: p.Owner(), Runtime: loadbalancer.Ready, Saved: loadbalancer.Ready, Healthy: true}
	for _, name := range server.Spec.OS.Packages {
		s.packages[packageName(name)] = "1"
	}
	for _, u := range server.Spec.OS.Users {
		s.users = append(s.users, u.Name)
	}
	s.zone = server.Spec.OS.Timezone
	a := server.Spec.Application
	s.packages[a.Package.Name] = a.Package.Version
	rendered, err := p.rendered(a.Config)
	require.NoError(t, err)
	for _, f := range slices.Concat(server.Spec.OS.Files, rendered) {
		s.files[f.Path] = f.Content
	}
	for _, service := range server.Spec.OS.Services {
		s.services[service.Name] = guest.ServiceState{Enabled: true, Running: true}
	}
	if a.Service != "" {
		s.services[a.Service] = guest.ServiceState{Enabled: true, Running: true}
	}
}

func (s *standing) register(b *bench) {
	r := func(name string, f any) {
		b.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name, DisableAlreadyRegisteredCheck: true})
	}
	b.RegisterWorkflowWithOptions(ChangeServer, workflow.RegisterOptions{Name: wire.ChangeServer})
	b.RegisterWorkflowWithOptions(CompareServer, workflow.RegisterOptions{Name: wire.CompareServer})
	s.registerMachine(r)
	s.registerGuest(r)
	s.registerService(r)
}

func (s *standing) registerMachine(r func(string, any)) {
	r("compute.FindVMs", func(context.Context, compute.FindVMsInput) (compute.FindVMsOutput, error) {
		return compute.FindVMsOutput{Machines: []compute.Machine{s.machine}}, s.did("compute.FindVMs", nil)
	})
	r("compute.ResizeVM", func(_ context.Context, in compute.ResizeVMInput) (compute.ResizeVMOutput, error) {
		if s.machine.Power == compute.PoweredOn && (in.Size.CPUs > s.machine.CPUs && !s.machine.CPUHotAdd || in.Size.CPUs < s.machine.CPUs) {
			return compute.ResizeVMOutput{}, fault.ForTemporal(fault.New(fault.Conflict, "it is on"))
		}
		return compute.ResizeVMOutput{}, s.did("compute.ResizeVM", func() { s.machine.CPUs, s.machine.MemoryBytes = in.Size.CPUs, in.Size.MemoryBytes })
	})
	r("compute.StopVM", func(context.Context, compute.StopVMInput) (compute.StopVMOutput, error) {
		return compute.StopVMOutput{}, s.did("compute.StopVM", func() { s.machine.Power = compute.PoweredOff })
	})
	r("compute.StartVM", func(context.Context, compute.StartVMInput) (compute.StartVMOutput, error) {
		return compute.StartVMOutput{Machine: s.machine}, s.did("compute.StartVM", func() { s.machine.Power = compute.PoweredOn })
	})
	r("compute.GrowDisk", func(_ context.Context, in compute.GrowDiskInput) (compute.GrowDiskOutput, error) {
		return compute.GrowDiskOutput{Disk: in.Disk}, s.did("compute.GrowDisk", func() {
			for i, d := range s.machine.Disks {
				if d.UUID == in.Disk.UUID {
					s.machine.Disks[i].Bytes = in.Disk.Bytes
				}
			}
		})
	})
	r("compute.AddDisk", func(_ context.Context, in compute.AddDiskInput) (compute.AddDiskOutput, error) {
		disk := compute.Disk{Name: in.Request.Name, UUID: "uuid-" + in.Request.Name, Bytes: in.Request.Bytes, Key: in.Op.Key.String()}
		return compute.AddDiskOutput{Disk: disk}, s.did("compute.AddDisk", func() { s.machine.Disks = append(s.machine.Disks, disk) })
	})
}

func (s *standing) registerGuest(r func(string, any)) {
	r("guest.Inspect", func(_ context.Context, in guest.InspectInput) (guest.InspectOutput, error) {
		if s.unreadable > 0 && len(in.Request.OS.Packages) == s.unreadable {
			return guest.InspectOutput{}, fault.ForTemporal(fault.New(fault.NotFound, "that version is destroyed"))
		}
		return guest.InspectOutput{Inspection: s.inspect(in.Request)}, s.did("guest.Inspect", nil)
	})
	r("guest.ChangeSystem", func(_ context.Context, in guest.ChangeSystemInput) (guest.ChangeSystemOutput, error) {
		return guest.ChangeSystemOutput{}, s.did("guest.ChangeSystem", func() {
			s.keep(in.Request.OS.Files)
			for _, name := range in.Request.OS.Packages {
				s.packages[packageName(name)] = "2"
			}
			for _, u := range in.Request.OS.Users {
				s.users = append(s.users, u.Name)
			}
			for _, service := range in.Request.OS.Services {
				s.services[service.Name] = guest.ServiceState{Enabled: *service.Enabled, Running: service.State == spec.StateRunning}
			}
			if in.Request.OS.Timezone != "" {
				s.zone = in.Request.OS.Timezone
			}
		})
	})
	r("guest.ChangeApplication", func(_ context.Context, in guest.ChangeApplicationInput) (guest.ChangeApplicationOutput, error) {
		return guest.ChangeApplicationOutput{Changes: guest.Changes{"installed"}}, s.did("guest.ChangeApplication", func() {
			s.keep(in.Image.Files)
			s.packages[in.Image.Application.Package.Name] = in.Image.Application.Package.Version
		})
	})
	r("guest.RestoreImage", func(_ context.Context, in guest.RestoreImageInput) (guest.RestoreImageOutput, error) {
		return guest.RestoreImageOutput{}, s.did("guest.RestoreImage", func() {
			for _, f := range in.Image.Files {
				if was, kept := s.image[f.Path]; kept && was == "" {
					delete(s.files, f.Path)
				} else if kept {
					s.files[f.Path] = was
				}
			}
			if a := in.Image.Application; a != nil {
				s.packages[a.Package.Name] = in.Image.Version
			}
		})
	})
	r("guest.GrowVolume", func(_ context.Context, in guest.GrowVolumeInput) (guest.GrowVolumeOutput, error) {
		if in.Op.Owner != "server/web-01" { // A worker admits no other.
			return guest.GrowVolumeOutput{}, fault.ForTemporal(fault.New(fault.Invalid, "acts for %q", in.Op.Owner))
		}
		return guest.GrowVolumeOutput{}, s.did("guest.GrowVolume", func() { s.sizes[in.Request.DiskUUID] = in.Request.Bytes })
	})
}

// keep writes files and remembers those before, once.
func (s *standing) keep(files []spec.File) {
	if s.image == nil {
		s.image = map[string]string{}
	}
	for _, f := range files {
		if _, kept := s.image[f.Path]; !kept {
			s.image[f.Path] = s.files[f.Path]
		}
		s.files[f.Path] = f.Content
	}
}

func (s *standing) inspect(r guest.InspectRequest) guest.Inspection {
	seen := guest.Inspection{Timezone: s.zone, Packages: maps.Clone(s.packages), Users: slices.Clone(s.users), Services: maps.Clone(s.services)}
	for _, f := range slices.Concat(r.OS.Files, r.Files) {
		content, exists := s.files[f.Path]
		seen.Files = append(seen.Files, guest.FileState{Path: f.Path, Exists: exists, Same: exists && content == f.Content, SHA256: strings.Repeat("0", 64), Mode: "644", Owner: "root:root"})
	}
	for _, v := range r.Volumes {
		size := guest.VolumeSize{Name: v.Name, Type: "ext4", Mount: v.Mount, Filesystem: s.sizes[v.DiskUUID]}
		for _, d := range s.machine.Disks {
			if d.UUID == v.DiskUUID {
				size.Disk = d.Bytes
			}
		}
		seen.Volumes = append(seen.Volumes, size)
	}
	return seen
}

func (s *standing) registerService(r func(string, any)) {
	r("firewall.FindRules", func(context.Context, firewall.FindRulesInput) (firewall.FindRulesOutput, error) {
		return firewall.FindRulesOutput{Rules: s.rules}, s.did("firewall.FindRules", nil)
	})
	r("firewall.ExchangeRules", func(_ context.Context, in firewall.ExchangeRulesInput) (firewall.ExchangeRulesOutput, error) {
		return firewall.ExchangeRulesOutput{}, s.did("firewall.ExchangeRules", func() {
			out := func(have firewall.Installed) bool {
				return slices.ContainsFunc(in.Out, func(o firewall.Installed) bool { return o.Name == have.Name && o.Key == have.Key })
			}
			s.rules = slices.DeleteFunc(slices.Clone(s.rules), out)
			for _, rule := range in.In {
				rule.Runtime, rule.Saved = true, true
				s.rules = append(s.rules, rule)
			}
		})
	})
	r("loadbalancer.FindMembers", func(context.Context, loadbalancer.FindMembersInput) (loadbalancer.FindMembersOutput, error) {
		out := loadbalancer.FindMembersOutput{}
		if s.member != nil {
			out.Members = []loadbalancer.Status{*s.member}
		}
		return out, s.did("loadbalancer.FindMembers", nil)
	})
	r("loadbalancer.SetMember", func(_ context.Context, in loadbalancer.SetMemberInput) (loadbalancer.SetMemberOutput, error) {
		return loadbalancer.SetMemberOutput{}, s.did("loadbalancer.SetMember "+string(in.State), func() { s.member.Runtime, s.member.Saved = in.State, in.State })
	})
	r("loadbalancer.AlterMember", func(_ context.Context, in loadbalancer.AlterMemberInput) (loadbalancer.AlterMemberOutput, error) {
		return loadbalancer.AlterMemberOutput{}, s.did("loadbalancer.AlterMember", func() { s.member.Member = in.Member })
	})
	r("probe.Get", func(_ context.Context, in probe.GetInput) (probe.GetOutput, error) {
		what := "health"
		if strings.Contains(in.Request.URL, "www.") {
			what = "verify"
		}
		if slices.Contains(slices.Collect(maps.Values(s.packages)), s.broken) {
			return probe.GetOutput{}, fault.ForTemporal(fault.New(fault.Invalid, "version %s answers 500", s.broken))
		}
		return probe.GetOutput{Answer: probe.Answer{Status: 200}}, s.didOf("probe.Get", what)
	})
}

func (b *bench) alter(t *testing.T) wire.StartOutput {
	t.Helper()
	b.ExecuteWorkflow(wire.ChangeServer, wire.StartInput{Run: runULID, Document: b.document, Start: b.start(t, wire.ChangeServer, b.document)})
	return b.result(t)
}

// acts are the calls that change something, in their order.
func (s *standing) acts() (acts []string) {
	reads := []string{"Check", "Find", "Inspect", "Plan", "Reach", "record.", "ticketing.", "AuthorizedKey", "Describe", "Preview", "Confirm"}
	for _, call := range s.calls {
		if !slices.ContainsFunc(reads, func(r string) bool { return strings.Contains(call, r) }) {
			acts = append(acts, call)
		}
	}
	return acts
}
