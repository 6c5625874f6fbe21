package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/spec"
)

// BenchmarkFleet compares a fleet of 100 machines with a program that clones 100 by 10 goroutines, on the same vCenter. A server of
// the fleet does more than be cloned: its address is reserved, it is powered on and logged into, and its run is recorded.
func BenchmarkFleet(b *testing.B) {
	x := setup(b, "")
	for n := range b.N {
		program := x.cloned(b)
		fleet, err := spec.ParseFleet("fleet.yaml", fmt.Appendf(nil, fleetText, n+1, machines, goroutines, n+1))
		require.NoError(b, err)
		began := time.Now()
		r, err := client.Fleet(fleet)
		started := x.Begin(b, r, err)
		x.Approve(b, started)
		x.Patience = time.Hour
		p := x.Done(b, started)
		took := time.Since(began)
		b.ReportMetric(program.Seconds(), "clones-s")
		b.ReportMetric(took.Seconds(), "fleet-s")
		b.ReportMetric(took.Seconds()/program.Seconds(), "fleet/clones")
		say("%d machines: cloned by a program in %s; planned, approved, provisioned and recorded as fleet in %s, of which %s were planning",
			machines, program.Round(time.Millisecond), took.Round(time.Millisecond), p.Planned.Sub(p.Started).Round(time.Millisecond))
	}
}

const fleetText = `apiVersion: fermata/v1
kind: Fleet
metadata: {name: bench-%d}
spec:
  count: %d
  rollout: {maxConcurrent: %d}
  template:
    metadata: {name: "b%d-{{ printf \"%%03d\" index }}"}
    spec:
      compute:
        {template: debian-12, datacenter: DC0, folder: servers, pool: DC0_C0, datastore: LocalDS_0, network: VM Network, cpus: 1,
         memory: 1GiB, customization: cloud-init}
      network: {address: "10.20.0.{{ add index 100 }}/24", gateway: 10.20.0.1}
      access: {user: deploy}
`
