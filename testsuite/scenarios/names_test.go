package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// named is the example of a server with a name and an address of a range, under another name.
func named(t *testing.T, name string, change ...func(*spec.Server)) client.Request {
	t.Helper()
	file := filepath.Join(stage.Root(t), "examples", "named-server.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	s, err := spec.Parse(file, []byte(strings.ReplaceAll(string(data), "shop-01", name)))
	require.NoError(t, err)
	for _, f := range change {
		f(s)
	}
	r, err := client.Provision(s)
	require.NoError(t, err)
	return r
}

func small(s *spec.Server) { s.Spec.Network.Range = "small" }

// resolve asks the estate's nameserver with words of its own, as dig would.
func (b *bench) resolve(t *testing.T, name string, kind uint16) []string {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), kind)
	answer, _, err := (&dns.Client{Timeout: 5 * time.Second}).ExchangeContext(t.Context(), m, b.Estate.Names.Nameserver())
	require.NoError(t, err)
	require.True(t, answer.Authoritative)
	var values []string
	for _, rr := range answer.Answer {
		values = append(values, strings.TrimSuffix(strings.Fields(rr.String())[4], "."))
	}
	return values
}

// address is what a run's plan says of its address.
func address(p wire.Progress) string {
	if p.Preview == nil || len(p.Preview.Plan.Changes) == 0 {
		return ""
	}
	return strings.TrimPrefix(p.Preview.Plan.Changes[0].Object, "address ")
}

func TestAServerGetsAnAddressOfTheRangeAndAName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.Estate.Names.Dump()

	proposed, err := b.Client.Plan(t.Context(), named(t, "shop-01"))
	require.NoError(t, err)
	require.Empty(t, proposed.Problems())
	require.Contains(t, fmt.Sprint(proposed.Observations), "10.20.0.100 of range servers is free now; nothing is reserved for a plan that is only shown")

	started := b.Begin(t, named(t, "shop-01"), nil)
	b.Approve(t, started)
	p := b.Done(t, started)
	require.Equal(t, "10.20.0.100", address(p))
	require.Equal(t, []string{"10.20.0.100"}, b.resolve(t, "shop-01.estate.test", dns.TypeA))
	require.Equal(t, []string{"shop-01.estate.test"}, b.resolve(t, "100.0.20.10.in-addr.arpa", dns.TypePTR))
	require.Contains(t, strings.Join(b.Estate.Names.Comments("shop-01.estate.test", "A"), ""), "owner=server/shop-01 key="+started.Run)

	// The run has ended and freed the address; the record says who has it.
	proposed, err = b.Client.Plan(t.Context(), named(t, "shop-02"))
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(proposed.Observations), "10.20.0.101 of range servers is free now")

	decommission, err := client.Decommission("shop-01", nil)
	leaving := b.Begin(t, decommission, err)
	b.Approve(t, leaving)
	b.Until(t, leaving, "the grace period", people.In(wire.Grace))
	require.Empty(t, b.resolve(t, "shop-01.estate.test", dns.TypeA))
	require.Equal(t, before, b.Estate.Names.Dump(), "the names are withdrawn with the rules")

	b.Decide(t, client.Decision{WorkflowID: leaving.WorkflowID, Command: decision.Restore}, b.Requester)
	p = b.Until(t, leaving, "an end", people.Ended)
	require.Equal(t, wire.Restored, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
	require.Equal(t, []string{"10.20.0.100"}, b.resolve(t, "shop-01.estate.test", dns.TypeA))
	require.Contains(t, strings.Join(b.Estate.Names.Comments("shop-01.estate.test", "A"), ""), "key="+started.Run, "under the key that it had")

	last := b.Begin(t, decommission, nil)
	b.Approve(t, last)
	b.Until(t, last, "the grace period", people.In(wire.Grace))
	b.Decide(t, client.Decision{WorkflowID: last.WorkflowID, Command: decision.Purge}, b.Approver)
	b.Done(t, last)
	require.Equal(t, before, b.Estate.Names.Dump())
	proposed, err = b.Client.Plan(t.Context(), named(t, "shop-02"))
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(proposed.Observations), "10.20.0.100 of range servers is free now", "it may be used again")
}

func TestNamesAreTakenBackWithTheRest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.Estate.Names.Dump()
	started := b.Begin(t, named(t, "shop-01", func(s *spec.Server) {
		s.Spec.LoadBalancer.Verify, s.Spec.Run.RetryFor = "http://www.estate.test/no-such-page", spec.Duration(5*time.Second)
		s.Spec.Run.OnFailure = spec.OnFailureUndo
	}), nil)
	b.Approve(t, started)
	p := b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Undone, p.Outcome, p.Reason)
	require.Empty(t, p.LeftBehind)
	for _, s := range p.Steps {
		if s.ID == "name" || s.ID == "reverse-name" {
			require.Equal(t, wire.StepUndone, s.State, s.ID)
		}
	}
	require.Equal(t, before, b.Estate.Names.Dump())
}

func TestAForeignNameIsAProblemOfThePlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Estate.Names.Set("shop-01.estate.test", "A", 300, "10.20.0.9"))
	require.NoError(t, b.Estate.Names.Set("100.0.20.10.in-addr.arpa", "PTR", 300, "printer.estate.test."))
	before := b.Estate.Names.Dump()
	started := b.Begin(t, named(t, "shop-01"), nil)
	p := b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Refused, p.Outcome)
	require.Contains(t, p.Reason, "A of shop-01.estate.test exists already (10.20.0.9) and was not made by Fermata")
	require.NotContains(t, p.Reason, "printer", "an address that DNS has a name for is passed over")
	require.Equal(t, before, b.Estate.Names.Dump())
	other := b.Begin(t, named(t, "shop-02"), nil)
	b.Approve(t, other)
	require.Equal(t, "10.20.0.101", address(b.Done(t, other)), "the refused run has freed it")
}

// Six runs plan at once with a range of three: three get an address each, three are refused, whoever is faster.
func TestRunsThatPlanAtOnceNeverGetOneAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const many = 6
	started, errs := make([]client.Started, many), make([]error, many)
	var group sync.WaitGroup
	for i := range many {
		r := named(t, fmt.Sprintf("shop-%02d", i), small)
		group.Go(func() { started[i], errs[i] = b.Client.Start(t.Context(), r, b.Requester) })
	}
	group.Wait()
	var got []string
	var waiting []client.Started
	for i := range many {
		require.NoError(t, errs[i])
		p := b.Until(t, started[i], "a plan", func(p wire.Progress) bool { return p.Phase == wire.Waiting || people.Ended(p) })
		if p.Phase == wire.Waiting {
			got, waiting = append(got, address(p)), append(waiting, started[i])
			continue
		}
		require.Equal(t, wire.Refused, p.Outcome)
		require.Contains(t, p.Reason, "range small is full")
	}
	slices.Sort(got)
	require.Equal(t, []string{"10.20.0.201", "10.20.0.203", "10.20.0.204"}, got)

	// What a denial frees is had by the next; what others hold is not.
	freed := address(b.Until(t, waiting[0], "a plan", people.In(wire.Waiting)))
	b.Decide(t, client.Decision{WorkflowID: waiting[0].WorkflowID, Command: decision.Reject}, b.Approver)
	require.Equal(t, wire.Denied, b.Until(t, waiting[0], "an end", people.Ended).Outcome)
	next := b.Begin(t, named(t, "shop-09", small), nil)
	b.Approve(t, next)
	require.Equal(t, freed, address(b.Done(t, next)), "what was planned is what was made")
	b.Decide(t, client.Decision{WorkflowID: waiting[1].WorkflowID, Command: decision.Cancel}, b.Requester)
	require.Equal(t, wire.Cancelled, b.Until(t, waiting[1], "an end", people.Ended).Outcome)
	again := b.Begin(t, named(t, "shop-10", small), nil)
	p := b.Until(t, again, "a plan", people.In(wire.Waiting))
	require.NotEqual(t, freed, address(p), "a server under management has it")
	require.Contains(t, got, address(p))
}

func TestARangeThatIsNotThereIsAProblemOfThePlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	started := b.Begin(t, named(t, "shop-01", func(s *spec.Server) { s.Spec.Network.Range = "nowhere" }), nil)
	p := b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Refused, p.Outcome)
	require.Contains(t, p.Reason, `the installation has no range "nowhere" (it has: servers, small)`)
}
