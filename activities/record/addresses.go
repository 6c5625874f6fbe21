package record

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

const activityFindAddresses = "record.FindAddresses"

// FindAddressesInput asks for FindAddresses.
type FindAddressesInput struct {
	Site    string   `json:"site,omitempty"`    // Only servers of this site.
	Done    string   `json:"done"`              // The outcome of a run that did what was asked.
	Removal []string `json:"removal,omitempty"` // Kinds of runs that end what their owner has.
}

// FindAddressesOutput answers FindAddresses.
type FindAddressesOutput struct {
	Held []HeldAddress `json:"held,omitempty"`
}

// HeldAddress is the address of a server under management.
type HeldAddress struct {
	Address string          `json:"address"` // Without the length of a prefix.
	Owner   operation.Owner `json:"owner"`
}

// document is what a record's spec and plan say of addresses.
type document struct {
	Metadata struct {
		Site string `json:"site"`
	} `json:"metadata"`
	Spec struct {
		Network network `json:"network"`
	} `json:"spec"`
	Resolved struct {
		Network network `json:"network"`
	} `json:"resolved"`
}

type network struct {
	Address string `json:"address"`
}

// FindAddresses tells the addresses of servers that were made and not removed since, and of runs that left something behind.
func (a *Activities) FindAddresses(ctx context.Context, in FindAddressesInput) (FindAddressesOutput, error) {
	return operation.Read(ctx, a.stores, "", func(s Store) (FindAddressesOutput, error) {
		entries, err := s.ByOwner(ctx, "")
		if err != nil {
			return FindAddressesOutput{}, err
		}
		return in.held(entries), nil
	})
}

// held goes through the records, oldest first: the latest word on an owner counts.
func (in FindAddressesInput) held(entries []Entry) FindAddressesOutput {
	held := map[operation.Owner]map[string]bool{}
	for _, e := range entries {
		var r Record
		if json.Unmarshal(e.Record, &r) != nil {
			continue
		}
		removal, done := slices.Contains(in.Removal, r.Kind), r.Outcome == in.Done
		switch address := in.addressOf(r); {
		case removal && done:
			delete(held, r.Owner)
		case removal || address == "":
		case done:
			held[r.Owner] = map[string]bool{address: true}
		case len(r.LeftBehind) > 0: // A machine may be there still, beside the one before.
			if held[r.Owner] == nil {
				held[r.Owner] = map[string]bool{}
			}
			held[r.Owner][address] = true
		}
	}
	var out FindAddressesOutput
	for owner, addresses := range held {
		for address := range addresses {
			out.Held = append(out.Held, HeldAddress{Address: address, Owner: owner})
		}
	}
	slices.SortFunc(out.Held, func(a, b HeldAddress) int {
		return strings.Compare(a.Address+" "+string(a.Owner), b.Address+" "+string(b.Owner))
	})
	return out
}

// addressOf is the address that a run's document gives, or that its plan chose; empty for another site's.
func (in FindAddressesInput) addressOf(r Record) string {
	var d document
	if json.Unmarshal(r.Spec, &d) != nil || d.Metadata.Site != in.Site {
		return ""
	}
	if len(r.Plan) > 0 && json.Unmarshal(r.Plan, &d) != nil {
		return ""
	}
	text := d.Spec.Network.Address
	if text == "" {
		text = d.Resolved.Network.Address
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return ""
	}
	return prefix.Addr().String()
}

// FindAddresses tells the addresses of servers under management.
func FindAddresses(ctx workflow.Context, in FindAddressesInput) (FindAddressesOutput, error) {
	return operation.Call[FindAddressesOutput](operation.Central(ctx), Capability, activityFindAddresses, time.Minute, in)
}
