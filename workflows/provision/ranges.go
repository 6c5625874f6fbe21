package provision

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/dns"
	"fermata/activities/operation"
	"fermata/activities/ranges"
	"fermata/activities/record"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/reservation"
	"fermata/workflows/runbook"
)

// choices is how many addresses a run looks at in the platform before it gives up: each costs a whole plan.
const choices = 16

// Plan reads every system that the run will touch. A run whose address comes from a range chooses and reserves it first, and
// keeps it from then on, also when it plans again.
func (p *provision) Plan(ctx workflow.Context) (wire.Preview, error) {
	if p.server.Spec.Network.Range == "" || p.planned {
		return p.planHere(ctx)
	}
	if p.asked == nil {
		asked := *p.server
		p.asked = &asked
	}
	found, problems := p.readRange(ctx)
	if len(problems) > 0 {
		return wire.Preview{Observations: problems}, ctx.Err()
	}
	for range choices {
		chosen, seen, err := p.choose(ctx, &found)
		if err != nil || !chosen {
			return wire.Preview{Observations: seen}, err
		}
		p.addressHeldBy = ""
		preview, err := p.planHere(ctx)
		preview.Observations = append(seen, preview.Observations...)
		switch {
		case err == nil && ctx.Err() == nil && len(preview.Problems()) == 0:
			return preview, nil
		case p.addressHeldBy == "" || err != nil:
			return preview, p.letGo(ctx, err)
		}
		if err := p.letGo(ctx, nil); err != nil {
			return preview, err
		}
		found.inUse[p.address()] = "machine " + p.addressHeldBy
	}
	return wire.Preview{Observations: []wire.Observation{runbook.Problem("address",
		"%d addresses of range %s are in use by machines that no record names: exclude them in the configuration", choices, found.Name)}}, nil
}

// offer is a range, and which of its addresses cannot be had.
type offer struct {
	ranges.Range
	inUse map[string]string // Address without prefix -> who has it.
}

// readRange asks for the range and for the addresses of servers under management.
func (p *provision) readRange(ctx workflow.Context) (found offer, problems []wire.Observation) {
	ctx = runbook.Planning(ctx, "choose an address")
	m := p.server.Metadata
	out, err := ranges.Find(ctx, ranges.FindInput{Name: p.server.Spec.Network.Range, Site: m.Site})
	if err != nil {
		return found, runbook.Failed("address", err)
	}
	held, err := record.FindAddresses(ctx, record.FindAddressesInput{
		Site: m.Site, Done: string(wire.Done), Removal: []string{wire.DecommissionServer},
	})
	if err != nil {
		return found, runbook.Failed("records", err)
	}
	found = offer{Range: out.Range, inUse: map[string]string{}}
	for _, h := range held.Held {
		found.inUse[h.Address] = string(h.Owner)
	}
	return found, nil
}

// choose takes the lowest address of the range that nobody has, and reserves it; a plan that is only shown reserves nothing.
func (p *provision) choose(ctx workflow.Context, o *offer) (chosen bool, seen []wire.Observation, err error) {
	total, reserved := 0, 0
	o.Offers(func(addr netip.Addr) bool {
		total++
		if o.inUse[addr.String()] != "" {
			return true
		}
		p.settle(o.network(p.asked.Spec.Network, addr))
		var who string
		var free bool
		if free, who, err = p.reserveNow(ctx); err != nil {
			return false
		}
		if !free {
			reserved++
			o.inUse[addr.String()] = who
			return true
		}
		chosen = true
		return false
	})
	switch {
	case err != nil:
		return false, runbook.Failed("address", err), ctx.Err()
	case !chosen:
		return false, []wire.Observation{runbook.Problem("address", "range %s is full: of %d addresses %d are in use by servers or named in DNS, %d were taken by other runs just now",
			o.Name, total, len(o.inUse)-reserved, reserved)}, nil
	case p.dry:
		return true, []wire.Observation{runbook.Fine("address", "%s of range %s is free now; nothing is reserved for a plan that is only shown, the run itself may get another", p.address(), o.Name)}, nil
	}
	return true, []wire.Observation{runbook.Fine("address", "%s of range %s is reserved for this run", p.address(), o.Name)}, nil
}

// reserveNow reserves the address that is settled on, unless another run holds it or DNS has a name for it.
func (p *provision) reserveNow(ctx workflow.Context) (free bool, who string, err error) {
	if p.dry {
		holder, err := reservation.Holder(ctx, p.reservationID())
		if err != nil || holder.Open {
			return false, string(holder.Target), err
		}
	} else {
		taken, err := reservation.Try(ctx, p.reservationID(), p.rangeOp())
		if err != nil || !taken {
			return false, "another run", err
		}
	}
	name, err := p.namedInDNS(ctx)
	if err == nil && name == "" {
		return true, "", nil
	}
	return false, name, p.letGo(ctx, err)
}

// namedInDNS is the name that the address has, if this server gets names and the address has one that this run did not make.
func (p *provision) namedInDNS(ctx workflow.Context) (string, error) {
	records := publications(p.server)
	if len(records) < 2 {
		return "", nil
	}
	ctx = runbook.Planning(ctx, "choose an address")
	back, system := records[1], p.server.Spec.DNS.System
	answer, err := dns.Lookup(ctx, dns.LookupInput{System: system, Zone: back.Zone, Name: back.Name, Type: dns.PTR})
	if err != nil || len(answer.Records) == 0 {
		return "", err
	}
	found, err := dns.FindRecords(ctx, dns.FindRecordsInput{System: system, Zone: back.Zone, Name: back.Name})
	if err == nil && len(found.Records) > 0 && !slices.ContainsFunc(found.Records, func(r dns.Published) bool { return !p.made(r.Key) }) {
		return "", nil
	}
	return answer.Records[0].Value, err
}

// letGo frees the address and passes the error on. A run that is being cancelled frees it, too.
func (p *provision) letGo(ctx workflow.Context, err error) error {
	if p.dry {
		return err
	}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if freed := reservation.Free(ctx, p.reservationID(), p.rangeOp()); freed != nil {
		workflow.GetLogger(ctx).Warn("A reservation frees itself later.", "id", p.reservationID(), "error", freed)
	}
	return err
}

// rangeOp is the operation of the step that reserves the address.
func (p *provision) rangeOp() operation.Op {
	return operation.Op{Owner: p.Owner(), Key: operation.Key{Run: p.run, Step: stepAddress, Target: p.server.Metadata.Name}}
}

// network is what a server gets with an address of the range. What its spec says itself stays.
func (o *offer) network(asked spec.Network, addr netip.Addr) spec.Network {
	n := asked
	n.Address = netip.PrefixFrom(addr, o.Prefix.Bits()).String()
	if n.Gateway == "" && o.Gateway.IsValid() {
		n.Gateway = o.Gateway.String()
	}
	if len(n.Nameservers) == 0 {
		n.Nameservers = o.Nameservers
	}
	if n.Domain == "" {
		n.Domain = o.Domain
	}
	return n
}

// settle gives the server a network, and its names what follows from it.
func (p *provision) settle(n spec.Network) {
	if p.asked == nil {
		asked := *p.server
		p.asked = &asked
	}
	settled := *p.asked
	settled.Spec.Network = n
	settled.Spec.DNS = namesIn(p.asked.Spec.DNS, n)
	p.server = &settled
}

func namesIn(asked *spec.DNS, n spec.Network) *spec.DNS {
	if asked == nil {
		return nil
	}
	names := *asked
	names.ApplyDefaults(n)
	return &names
}

// chosen is the network that came from a range; nil: the document's own.
func (p *provision) chosen() *spec.Network {
	if p.server.Spec.Network.Range == "" {
		return nil
	}
	n := p.server.Spec.Network
	return &n
}

func (p *provision) reservedText() []string {
	if name := p.server.Spec.Network.Range; name != "" {
		return []string{"from range " + name, "reserved until the run ends"}
	}
	return []string{"reserved until the run ends"}
}

// wasChosen gives a server of a record the network that its plan chose.
func wasChosen(server *spec.Server, plan json.RawMessage) error {
	if server.Spec.Network.Range == "" {
		return nil
	}
	var p struct {
		Resolved struct {
			Network *spec.Network `json:"network"`
		} `json:"resolved"`
	}
	if err := json.Unmarshal(plan, &p); err != nil || p.Resolved.Network == nil {
		return fmt.Errorf("the record of %s does not say which address it got: %w", server.Owner(), err)
	}
	server.Spec.Network = *p.Resolved.Network
	server.Spec.DNS = namesIn(server.Spec.DNS, server.Spec.Network)
	return nil
}

// keeps gives a server that is to be changed the address that it got from the range it still asks for.
func (p *provision) keeps(last *managed) {
	asked := p.server.Spec.Network
	if p.asked != nil {
		asked = p.asked.Spec.Network
	}
	if asked.Range != "" && text(asked) == text(last.asked) {
		p.settle(last.server.Spec.Network)
	}
}
