// Package dnstest proves that a driver keeps the promises of the dns port, on an emulated server and on real ones alike. What
// it believes it asks the server itself by DNS queries of its own, never through the driver.
package dnstest

import (
	"context"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/operation"

	names "fermata/activities/dns"
)

// System is a DNS server with two zones, and the hooks of the suite.
type System struct {
	// Driver returns a driver, each time with connections of its own: another worker.
	Driver func(t *testing.T) names.Nameserver
	// Denied has a credential that the server does not know, Weak one that may look but not change.
	Denied, Weak func(t *testing.T) names.Nameserver
	// Secret must stand in no error.
	Secret string
	// Zone and Reverse (below in-addr.arpa and ip6.arpa) are served; Unserved is not.
	Zone, Reverse, Reverse6, Unserved string
	// Nameserver is where the zones are answered, host:port.
	Nameserver string
	// Atomic tells that two runs are kept apart by the server itself.
	Atomic bool
	// Set makes the records of a name and type behind the driver's back, content as in master files; none: it removes them.
	// What marks them as ours stays.
	Set func(t *testing.T, name string, kind string, contents ...string)
	// Mark is the text that stands beside a record, read without the driver; empty: none.
	Mark func(t *testing.T, name string, kind names.Type) string
	// Dump is everything in the zones but their start of authority, in an order that stays.
	Dump func(t *testing.T) string
	// Lose loses the answers of the next n changes.
	Lose func(n int)
	Down func(down bool)
}

// Bench opens systems.
type Bench struct {
	Open func(t *testing.T) System
}

// Run runs the suite.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for name, test := range positive() {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
	}
	for name, test := range negative() {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
	}
}

// rig is one test's server, driver and operation.
type rig struct {
	*testing.T
	System
	ctx    context.Context
	driver names.Nameserver
	op     operation.Op
	p      *operation.Memory
}

func setup(t *testing.T, bench Bench) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	s := bench.Open(t)
	return &rig{T: t, System: s, ctx: ctx, driver: s.Driver(t), op: opOf("01JRUNA", "web-01"), p: &operation.Memory{}}
}

func opOf(run, target string) operation.Op {
	return operation.Op{
		Key:   operation.Key{Run: run, Step: "dns/name", Target: target},
		Owner: operation.Owner("server/" + target),
	}
}

func (r *rig) name(host string) names.Record {
	return names.Record{Zone: r.Zone, Name: host + "." + r.Zone, Type: names.A, Value: "10.20.0.11", TTL: 300}
}

func (r *rig) reverse(host string) names.Record {
	return names.Record{Zone: r.Reverse, Name: "11.0." + r.Reverse, Type: names.PTR, Value: host + "." + r.Zone, TTL: 300}
}

// publish makes a record and asks whether it is answered.
func (r *rig) publish(op operation.Op, rec names.Record) {
	r.Helper()
	made, err := r.driver.EnsureRecord(r.ctx, op, rec, r.p)
	require.NoError(r, err)
	require.Equal(r, names.Published{Record: rec, Key: op.Key.String(), Owner: op.Owner}, made)
	r.answers(rec, rec.Value)
}

// answers asks the server over UDP and over TCP what values it has, with words of the suite's own.
func (r *rig) answers(rec names.Record, values ...string) {
	r.Helper()
	for _, network := range []string{"udp", "tcp"} {
		m := new(dns.Msg)
		m.SetQuestion(dns.Fqdn(rec.Name), dns.StringToType[string(rec.Type)])
		answer, _, err := (&dns.Client{Net: network, Timeout: 5 * time.Second}).ExchangeContext(r.ctx, m, r.Nameserver)
		require.NoError(r, err)
		require.True(r, answer.Authoritative, "%s answers for itself", r.Nameserver)
		var got []string
		for _, rr := range answer.Answer {
			switch rr := rr.(type) {
			case *dns.A:
				got = append(got, rr.A.String())
			case *dns.AAAA:
				got = append(got, rr.AAAA.String())
			case *dns.PTR:
				got = append(got, rr.Ptr[:len(rr.Ptr)-1])
			case *dns.CNAME:
				got = append(got, rr.Target[:len(rr.Target)-1])
			}
			require.LessOrEqual(r, int(rr.Header().Ttl), 3600)
		}
		require.ElementsMatch(r, values, got, "%s of %s over %s", rec.Type, rec.Name, network)
	}
}

// ttl asks the server for how long resolvers are to keep a record.
func (r *rig) ttl(rec names.Record) int {
	r.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(rec.Name), dns.StringToType[string(rec.Type)])
	answer, _, err := (&dns.Client{Timeout: 5 * time.Second}).ExchangeContext(r.ctx, m, r.Nameserver)
	require.NoError(r, err)
	require.Len(r, answer.Answer, 1)
	return int(answer.Answer[0].Header().Ttl)
}

// owned asserts whose a record is by what stands beside it.
func (r *rig) owned(rec names.Record, op operation.Op) {
	r.Helper()
	mark := r.Mark(r.T, rec.Name, rec.Type)
	require.Contains(r, mark, op.Key.String())
	require.Contains(r, mark, string(op.Owner))
}

func (r *rig) refuses(err error, kind fault.Kind, words ...string) {
	r.Helper()
	require.Error(r, err)
	require.Equal(r, kind, fault.KindOf(err), err.Error())
	require.NotContains(r, err.Error(), r.Secret)
	for _, word := range words {
		require.ErrorContains(r, err, word)
	}
}

// untouched asserts that the zones stay as they are, whatever f does.
func (r *rig) untouched(f func()) {
	r.Helper()
	before := r.Dump(r.T)
	f()
	require.Equal(r, before, r.Dump(r.T))
}
