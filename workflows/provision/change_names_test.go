package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// nameserver is what the activities of names keep, in two systems: "" and "other".
type nameserver struct {
	records []placed
	sticky  bool // What is withdrawn stays.
}

const formerName = formerRun + "/name/web-01"

// inDNS gives the server a name and the way back.
func inDNS(s *spec.Server) {
	s.Spec.DNS = &spec.DNS{Zone: "estate.test"}
	s.ApplyDefaults()
}

// published makes a server whose names are published as the record says, and then a document that asks for something else.
func published(t *testing.T, ask func(*spec.Server), was ...func(*spec.Server)) (*bench, *standing, *nameserver) {
	t.Helper()
	b, s := inService(t, func(x *spec.Server) { ask(x); x.ApplyDefaults() }, was...)
	recorded := &spec.Server{}
	require.NoError(t, json.Unmarshal(b.estate.records[0].Spec, recorded))
	n := &nameserver{}
	for _, r := range publications(recorded) {
		n.records = append(n.records, placed{Published: dns.Published{Record: r, Key: formerName, Owner: "server/web-01"}})
	}
	n.register(b)
	return b, s, n
}

func (n *nameserver) register(b *bench) {
	e := b.estate
	register := func(name string, f any) { b.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	conflict := func(format string, args ...any) error {
		return fault.ForTemporal(fault.New(fault.Conflict, format, args...))
	}
	register("dns.Check", func(context.Context, dns.CheckInput) (dns.CheckOutput, error) {
		return dns.CheckOutput{}, e.did("dns.Check", nil)
	})
	register("dns.FindRecords", func(_ context.Context, in dns.FindRecordsInput) (out dns.FindRecordsOutput, err error) {
		for _, r := range n.records {
			if r.System == in.System && r.Zone == in.Zone && (in.Name == r.Name || in.Name == "" && in.Owner == r.Owner) {
				out.Records = append(out.Records, r.Published)
			}
		}
		return out, e.did("dns.FindRecords", nil)
	})
	register("dns.Publish", func(_ context.Context, in dns.PublishInput) (dns.PublishOutput, error) {
		made := placed{System: in.System, Published: dns.Published{Record: in.Record, Key: in.Op.Key.String(), Owner: in.Op.Owner}}
		if i := slices.IndexFunc(n.records, made.sameName); i >= 0 && n.records[i].Key != made.Key {
			return dns.PublishOutput{}, conflict("%s exists already", made.text())
		} else if i >= 0 {
			n.records = slices.Delete(n.records, i, i+1)
		}
		return dns.PublishOutput{Record: made.Published}, e.did("dns.Publish "+made.text(), func() { n.records = append(n.records, made) })
	})
	register("dns.SetTTL", func(_ context.Context, in dns.SetTTLInput) (dns.SetTTLOutput, error) {
		wanted := placed{System: in.System, Published: dns.Published{Record: in.Record}}
		i := slices.IndexFunc(n.records, wanted.sameName)
		if i < 0 || n.records[i].Key != in.Op.Key.String() {
			return dns.SetTTLOutput{}, conflict("%s has another key", wanted.text())
		}
		return dns.SetTTLOutput{}, e.did("dns.SetTTL "+wanted.text(), func() { n.records[i].TTL = in.Record.TTL })
	})
	register("dns.Withdraw", func(_ context.Context, in dns.WithdrawInput) (dns.WithdrawOutput, error) {
		wanted := placed{System: in.System, Published: dns.Published{Record: in.Record}}
		return dns.WithdrawOutput{}, e.did("dns.Withdraw "+wanted.text(), func() {
			if !n.sticky {
				n.records = slices.DeleteFunc(n.records, func(r placed) bool { return r.sameName(wanted) && r.Key == in.Op.Key.String() })
			}
		})
	})
	register("dns.Confirm", func(_ context.Context, in dns.ConfirmInput) (dns.ConfirmOutput, error) {
		there := slices.ContainsFunc(n.records, func(r placed) bool {
			return r.Name == in.Record.Name && r.Type == in.Record.Type && r.Value == in.Record.Value
		})
		if there == in.Absent {
			return dns.ConfirmOutput{}, fault.ForTemporal(fault.New(fault.Unavailable, "%s is answered otherwise", in.Record.Name))
		}
		return dns.ConfirmOutput{}, e.did("dns.Confirm", nil)
	})
}

// zone is what the nameserver has, a line each.
func (n *nameserver) zone() (lines []string) {
	for _, r := range n.records {
		lines = append(lines, fmt.Sprintf("%s%s %s %s %d %s", r.System, r.Zone, r.text(), r.Value, r.TTL, r.Key))
	}
	slices.Sort(lines)
	return lines
}

const (
	forward = "A web-01.estate.test"
	back    = "PTR 11.0.20.10.in-addr.arpa"
	ownName = runULID + "/name/web-01"
	ownBack = runULID + "/reverse-name/web-01"
)

func TestNamesAreChanged(t *testing.T) {
	t.Parallel()
	before := []string{"0.20.10.in-addr.arpa " + back + " web-01.estate.test 300 " + formerName, "estate.test " + forward + " 10.20.0.11 300 " + formerName}
	no := false
	bare := func(s *spec.Server) { s.Spec.Network.Domain = ""; inDNS(s) } // The zone makes the name.
	for name, x := range map[string]struct {
		was  []func(*spec.Server)
		ask  func(*spec.Server)
		acts []string
		zone []string
	}{
		"names for a server that has none": {nil, inDNS, []string{"dns.Publish " + forward, "dns.Publish " + back}, []string{
			"0.20.10.in-addr.arpa " + back + " web-01.estate.test 300 " + ownBack, "estate.test " + forward + " 10.20.0.11 300 " + ownName,
		}},
		"no names any more": {[]func(*spec.Server){inDNS}, func(s *spec.Server) { s.Spec.DNS = nil }, []string{"dns.Withdraw " + forward, "dns.Withdraw " + back}, nil},
		"another TTL": {
			[]func(*spec.Server){inDNS},
			func(s *spec.Server) { s.Spec.DNS.TTL = spec.Duration(time.Minute) },
			[]string{"dns.SetTTL " + forward, "dns.SetTTL " + back},
			[]string{
				"0.20.10.in-addr.arpa " + back + " web-01.estate.test 60 " + formerName, "estate.test " + forward + " 10.20.0.11 60 " + formerName,
			},
		},
		"no way back": {[]func(*spec.Server){inDNS}, func(s *spec.Server) { s.Spec.DNS.Reverse = &no }, []string{"dns.Withdraw " + back}, before[1:]},
		"another reverse zone": {
			[]func(*spec.Server){inDNS},
			func(s *spec.Server) { s.Spec.DNS.ReverseZone = "10.in-addr.arpa" },
			[]string{"dns.Publish " + back, "dns.Withdraw " + back},
			[]string{
				"10.in-addr.arpa " + back + " web-01.estate.test 300 " + ownBack, before[1],
			},
		},
		"another zone": {
			[]func(*spec.Server){bare},
			func(s *spec.Server) { s.Spec.DNS.Zone = "new.test" },
			[]string{"dns.Publish A web-01.new.test", "dns.Withdraw " + back, "dns.Publish " + back, "dns.Withdraw " + forward},
			[]string{
				"0.20.10.in-addr.arpa " + back + " web-01.new.test 300 " + ownBack, "new.test A web-01.new.test 10.20.0.11 300 " + ownName,
			},
		},
		"another nameserver": {
			[]func(*spec.Server){inDNS},
			func(s *spec.Server) { s.Spec.DNS.System = "other-" },
			[]string{"dns.Publish " + forward, "dns.Publish " + back, "dns.Withdraw " + forward, "dns.Withdraw " + back},
			[]string{
				"other-0.20.10.in-addr.arpa " + back + " web-01.estate.test 300 " + ownBack, "other-estate.test " + forward + " 10.20.0.11 300 " + ownName,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, n := published(t, x.ask, x.was...)
			b.say(t, time.Minute, bob, decision.Approve, "")
			out := b.alter(t)
			require.Equal(t, wire.Done, out.Outcome, out.Reason)
			require.Equal(t, x.acts, s.acts(), "what is new comes first")
			require.Equal(t, x.zone, n.zone())
			require.JSONEq(t, string(b.document), string(b.estate.records[1].Spec))
		})
		t.Run(name+", undone", func(t *testing.T) {
			t.Parallel()
			b, _, n := published(t, x.ask, x.was...)
			was := n.zone()
			b.estate.failing["ticketing.AddNote"] = fault.Invalid
			b.say(t, time.Minute, bob, decision.Approve, "")
			b.RegisterDelayedCallback(func() { delete(b.estate.failing, "ticketing.AddNote") }, 5*time.Minute)
			b.say(t, 10*time.Minute, alice, decision.Undo, "")
			out := b.alter(t)
			require.Equal(t, wire.Undone, out.Outcome, out.Reason)
			require.Empty(t, out.LeftBehind)
			require.Equal(t, was, n.zone(), "under the keys that they had")
		})
	}
}

func TestNamesThatAreAsTheyWerePublished(t *testing.T) {
	t.Parallel()
	b, s, _ := published(t, asBefore, inDNS)
	out := b.alter(t)
	require.Equal(t, wire.NothingToChange, out.Reason)
	require.Empty(t, s.acts())
}

// What others did to names is made good, as all drift.
func TestNamesThatAreGoneArePublishedAgain(t *testing.T) {
	t.Parallel()
	b, s, n := published(t, asBefore, inDNS)
	n.records[1].TTL = 0 // Only its mark is left.
	n.records = append(n.records[1:], placed{Published: dns.Published{Owner: "server/web-01", Key: formerName, Record: dns.Record{
		Zone: "estate.test", Name: "old.estate.test", Type: dns.A, Value: "10.20.0.11", TTL: 300,
	}}})
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, []string{"dns.Publish " + forward, "dns.Publish " + back, "dns.Withdraw A old.estate.test"}, s.acts())
	require.Equal(t, []string{
		"0.20.10.in-addr.arpa " + back + " web-01.estate.test 300 " + formerName, "estate.test " + forward + " 10.20.0.11 300 " + ownName,
	}, n.zone())
}

func TestNamesThatForbidAChange(t *testing.T) {
	t.Parallel()
	stranger := placed{Published: dns.Published{Record: dns.Record{Zone: "estate.test", Name: "web-01.estate.test", Type: dns.A, Value: "10.9.9.9", TTL: 60}}}
	for name, x := range map[string]struct {
		was   []func(*spec.Server)
		ask   func(*spec.Server)
		spoil func(*world, *nameserver)
		text  string
	}{
		"somebody has the name": {nil, inDNS, func(_ *world, n *nameserver) { n.records = append(n.records, stranger) }, forward + " exists already (10.9.9.9) and was not made by Fermata"},
		"somebody took the name": {[]func(*spec.Server){inDNS}, asBefore, func(_ *world, n *nameserver) {
			n.records[0].TTL = 0
			n.records = append(n.records, stranger)
		}, forward + " exists already"},
		"another address":    {[]func(*spec.Server){inDNS}, asBefore, func(_ *world, n *nameserver) { n.records[0].Value = "10.20.0.12" }, "is published with 10.20.0.12, not 10.20.0.11"},
		"nobody serves it":   {[]func(*spec.Server){inDNS}, func(s *spec.Server) { s.Spec.DNS = nil }, func(e *world, _ *nameserver) { e.unpolled = []string{"fermata.dns"} }, "--serve dns"},
		"it does not let in": {nil, inDNS, func(e *world, _ *nameserver) { e.failing["dns.Check"] = fault.Unauthorized }, "dns.Check fails"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, n := published(t, x.ask, x.was...)
			x.spoil(b.estate, n)
			out := b.alter(t)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
			require.Empty(t, s.acts())
		})
	}
}

// A stranger's record beside names that are as they should be is none of a change's business.
func TestWhatStandsBesideANameForbidsNothing(t *testing.T) {
	t.Parallel()
	b, _, n := published(t, asBefore, inDNS)
	n.records = append(n.records, placed{Published: dns.Published{Record: dns.Record{Zone: "estate.test", Name: "web-01.estate.test", Type: dns.AAAA, Value: "fd00::1", TTL: 60}}})
	require.Equal(t, wire.NothingToChange, b.alter(t).Reason)
}

func TestAFormerNameThatStays(t *testing.T) {
	t.Parallel()
	b, _, n := published(t, func(s *spec.Server) { s.Spec.DNS = nil }, inDNS)
	n.sticky = true
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() {
		gate, held := b.progress(t).Gate(decision.Retry, stepNames)
		require.True(t, held)
		require.Contains(t, gate.Why, "A web-01.estate.test is still in zone estate.test")
		n.sticky = false
	}, 10*time.Minute)
	b.say(t, 20*time.Minute, alice, decision.Retry, stepNames)
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Empty(t, n.zone())
}

func TestNamesThatChangedAfterTheApproval(t *testing.T) {
	t.Parallel()
	b, s, n := published(t, func(s *spec.Server) { s.Spec.DNS.TTL = spec.Duration(time.Minute) }, inDNS)
	b.RegisterDelayedCallback(func() { n.records[0].TTL = 7 }, 30*time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.PlanChanged, b.alter(t).Outcome)
	require.Empty(t, s.acts())
}

func TestDriftOfNamesIsTold(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(*nameserver)
		want  []wire.Item
	}{
		"none":           {func(*nameserver) {}, nil},
		"another TTL":    {func(n *nameserver) { n.records[0].TTL = 7 }, []wire.Item{{Object: "name " + forward, Recorded: "10.20.0.11, TTL 300", Actual: "10.20.0.11, TTL 7", Drift: true}}},
		"a name is gone": {func(n *nameserver) { n.records = n.records[:1] }, []wire.Item{{Object: "name " + back, Recorded: "web-01.estate.test, TTL 300", Actual: "none", Drift: true}}},
		"somebody took it": {
			func(n *nameserver) { n.records[0].Owner, n.records[0].Key, n.records[0].Value = "", "", "10.9.9.9" },
			[]wire.Item{{Object: "name " + forward, Recorded: "10.20.0.11, TTL 300", Actual: "10.9.9.9, TTL 300, was not made by Fermata", Drift: true}},
		},
		"one more": {func(n *nameserver) {
			more := n.records[0]
			more.Name = "old.estate.test"
			n.records = append(n.records, more)
		}, []wire.Item{{Object: "name A old.estate.test", Recorded: "none", Actual: "10.20.0.11, TTL 300", Drift: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _, n := published(t, asBefore, inDNS)
			x.spoil(n)
			b.ExecuteWorkflow(wire.CompareServer, wire.CompareInput{Name: "web-01"})
			require.NoError(t, b.GetWorkflowError())
			var out wire.Comparison
			require.NoError(t, b.GetWorkflowResult(&out))
			require.Empty(t, out.Unread)
			require.Equal(t, x.want, out.Drifted())
		})
	}
}
