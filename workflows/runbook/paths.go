package runbook

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/firewall"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

// FirewallStep is the id of the step that opens a firewall.
func FirewallStep(device string) string {
	if device == "" {
		return "firewall"
	}
	return "firewall/" + device
}

// Firewalls are the names of the firewalls that rules go to, each once.
func Firewalls(rules []spec.Rule) []string {
	var names []string
	for _, r := range rules {
		if !slices.Contains(names, r.System) {
			names = append(names, r.System)
		}
	}
	return names
}

// LookAtFirewall proves the way to a firewall, and that it holds no rule of the owner that this run did not make.
func LookAtFirewall(device string, owner operation.Owner, made func(key string) bool) Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := System(firewall.Capability, device)
		if _, err := firewall.Check(ctx, firewall.CheckInput{System: device}); err != nil {
			return Failed(name, err)
		}
		found, err := firewall.FindRules(ctx, firewall.FindRulesInput{System: device, Owner: owner})
		if err != nil {
			return Failed(name, err)
		}
		what, _, _ := strings.Cut(string(owner), "/")
		seen := []wire.Observation{Fine(name, "reachable")}
		for _, r := range found.Rules {
			if made(r.Key) {
				continue
			}
			seen = append(seen, Problem(name, "rule %q of %s exists already (key %s): decommission the %s first", r.Name, r.Owner, r.Key, what))
		}
		return seen
	}
}

// OpenFirewall opens one firewall: all its rules in one transaction. address is where the rules lead, once it is known.
func OpenFirewall(device string, wanted []spec.Rule, shown string, address func() (string, error), after []string) Planned {
	rules := RulesFor(device, wanted, shown)
	var detail []string
	for _, r := range rules {
		detail = append(detail, fmt.Sprintf("%s: %s to %s port %d/%s", r.Name, strings.Join(r.Sources, ", "), r.Destination, r.Port, r.Protocol))
	}
	return Planned{
		Step: run.Step{
			ID: FirewallStep(device), Title: "open the " + System("firewall", device), After: after, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				to, err := address()
				if err != nil {
					return run.Result{}, Missing(err)
				}
				out, err := firewall.OpenPaths(ctx, firewall.OpenPathsInput{System: device, Op: op, Rules: RulesFor(device, wanted, to)})
				return run.Result{Output: out.Rules, Lines: detail}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := firewall.ClosePaths(ctx, firewall.ClosePathsInput{System: device, Op: op})
				return err
			},
		},
		Action: wire.Create, Object: fmt.Sprintf("%d rules", len(rules)), Detail: detail,
	}
}

// RulesFor are the rules that a firewall should hold of those that a spec has.
func RulesFor(device string, wanted []spec.Rule, address string) (rules []firewall.Rule) {
	for _, r := range wanted {
		if r.System == device {
			rules = append(rules, firewall.Rule{Name: r.Name, Sources: r.From, Destination: address, Protocol: r.Protocol, Port: r.Port})
		}
	}
	return rules
}

// CloseFirewall removes all rules that the owner has on a firewall. Its undo puts those that the plan found back, each under the
// key that it had: the image of before stands in the plan, so it is there even if the step's answer was lost.
func CloseFirewall(id, device string, rules []firewall.Installed, after []string) Planned {
	var detail []string
	for _, r := range rules {
		detail = append(detail, r.Name)
	}
	return Planned{
		Step: run.Step{
			ID: id, Title: "close the " + System("firewall", device), After: after, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				_, err := firewall.CloseOwned(ctx, firewall.CloseOwnedInput{System: device, Op: op})
				return run.Result{Lines: detail}, err
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error { return reopen(ctx, device, rules) },
		},
		Action: wire.Remove, Object: fmt.Sprintf("%d rules", len(rules)), Detail: detail,
	}
}

// reopen puts rules back as they were, each under the key that it had.
func reopen(ctx workflow.Context, device string, rules []firewall.Installed) error {
	for _, key := range keysOf(rules) {
		op := operation.Op{Owner: rules[0].Owner}
		var err error
		if op.Key, err = operation.ParseKey(key); err != nil {
			return Invalid("putting a rule back", err)
		}
		var same []firewall.Rule
		for _, r := range rules {
			if r.Key == key {
				same = append(same, r.Rule)
			}
		}
		if _, err := firewall.OpenPaths(ctx, firewall.OpenPathsInput{System: device, Op: op, Rules: same}); err != nil {
			return err
		}
	}
	return nil
}

// keysOf returns the keys that the rules carry, each once, in the rules' order.
func keysOf(rules []firewall.Installed) (keys []string) {
	for _, r := range rules {
		if !slices.Contains(keys, r.Key) {
			keys = append(keys, r.Key)
		}
	}
	return keys
}

// LookAtProber proves that the way to the service is open.
func LookAtProber(prober string) Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := System(probe.Capability, prober)
		if _, err := probe.Check(ctx, probe.CheckInput{System: prober}); err != nil {
			return Failed(name, err)
		}
		return []wire.Observation{Fine(name, "the way to the service is open")}
	}
}
