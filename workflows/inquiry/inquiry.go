// Package inquiry holds the short workflows that only read: whether systems answer, and what was recorded.
package inquiry

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/cloud"
	"fermata/activities/compute"
	"fermata/activities/configuration"
	"fermata/activities/database"
	"fermata/activities/directory"
	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/inventory"
	"fermata/activities/loadbalancer"
	"fermata/activities/notify"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/activities/queues"
	"fermata/activities/record"
	"fermata/activities/ticketing"
	"fermata/wire"
)

// checkFor is how long a system may take to answer: a person waits for it.
const checkFor = 20 * time.Second

// Register names the workflows and their functions.
func Register(register func(name string, workflow any)) {
	register(wire.CheckSystems, CheckSystems)
	register(wire.ReadRecords, ReadRecords)
}

// CheckSystems asks every system whether it answers and lets us in.
func CheckSystems(ctx workflow.Context, in wire.CheckInput) (wire.CheckOutput, error) {
	out := wire.CheckOutput{Findings: make([]wire.Observation, len(in.Systems))}
	group := workflow.NewWaitGroup(ctx)
	for i, ref := range in.Systems {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			out.Findings[i] = check(ctx, ref)
		})
	}
	group.Wait(ctx)
	return out, nil
}

func check(ctx workflow.Context, ref wire.SystemRef) wire.Observation {
	name := ref.Capability + " " + ref.Name
	queue := operation.Queue(ref.Capability, ref.Site)
	missing, err := queues.FindUnpolled(ctx, queues.FindUnpolledInput{Queues: []string{queue}})
	if err == nil && len(missing.Queues) > 0 {
		return wire.Observation{Name: name, Text: "no worker serves queue " + queue + ": start one with --serve " + ref.Capability}
	}
	if err == nil {
		err = ask(operation.WithRoute(ctx, operation.Route{Site: ref.Site, RetryFor: checkFor, Summary: "check " + name}), ref)
	}
	if err == nil {
		return wire.Observation{Name: name, Text: "answers, and lets us in", OK: true}
	}
	reason := fault.FromTemporal(err)
	text := reason.Text
	if advice := reason.Kind.Advice(); advice != "" {
		text += " (" + advice + ")"
	}
	return wire.Observation{Name: name, Text: text}
}

func ask(ctx workflow.Context, ref wire.SystemRef) (err error) {
	switch ref.Capability {
	case compute.Capability:
		_, err = compute.Check(ctx, compute.CheckInput{System: ref.Name})
	case cloud.Capability:
		_, err = cloud.Check(ctx, cloud.CheckInput{System: ref.Name})
	case directory.Capability:
		_, err = directory.Check(ctx, directory.CheckInput{System: ref.Name})
	case database.Capability:
		_, err = database.Check(ctx, database.CheckInput{System: ref.Name})
	case guest.Capability:
		_, err = guest.Check(ctx, guest.CheckInput{System: ref.Name})
	case configuration.Capability:
		_, err = configuration.Check(ctx, configuration.CheckInput{System: ref.Name})
	case firewall.Capability:
		_, err = firewall.Check(ctx, firewall.CheckInput{System: ref.Name})
	case loadbalancer.Capability:
		_, err = loadbalancer.Check(ctx, loadbalancer.CheckInput{System: ref.Name})
	case dns.Capability:
		_, err = dns.Check(ctx, dns.CheckInput{System: ref.Name})
	case ticketing.Capability:
		_, err = ticketing.Check(ctx, ticketing.CheckInput{System: ref.Name})
	case inventory.Capability:
		_, err = inventory.Check(ctx, inventory.CheckInput{System: ref.Name})
	case notify.Capability:
		_, err = notify.Check(ctx, notify.CheckInput{System: ref.Name})
	case probe.Capability:
		_, err = probe.Check(ctx, probe.CheckInput{System: ref.Name})
	case record.Capability:
		err = record.CheckStore(ctx)
	default:
		err = fault.New(fault.Invalid, "no capability %q", ref.Capability)
	}
	return err
}

// ReadRecords reads records, and walks the chain if asked.
func ReadRecords(ctx workflow.Context, in wire.RecordsInput) (wire.RecordsOutput, error) {
	ctx = operation.WithRoute(ctx, operation.Route{RetryFor: time.Minute, Summary: "read records"})
	found, err := record.FindRecords(ctx, in.Find)
	if err != nil {
		return wire.RecordsOutput{}, err
	}
	out := wire.RecordsOutput{Entries: found.Entries}
	if !in.Verify {
		return out, nil
	}
	chain, err := record.VerifyChain(ctx)
	out.Verified = chain.Entries
	if reason := fault.FromTemporal(err); reason.Kind == fault.Invalid {
		out.Broken = reason.Text
		return out, nil
	}
	return out, err
}
