package vcentertest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/compute"
	"fermata/activities/compute/computetest"
	"fermata/activities/secret"
	"fermata/integrations/vsphere"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/vcenter"
	"fermata/spec"
)

// References to the administrator's password, and to another.
const (
	right = "secret://env/good"
	wrong = "secret://env/bad"
)

// passwords resolves references to what is in it.
type passwords map[secret.Ref]string

func (p passwords) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	return secret.NewValue([]byte(p[ref])), nil
}

// Config is the driver's, for a vCenter whose guests take so long at most to tell their address.
func Config(v *vcenter.VCenter, wait time.Duration) vsphere.Config {
	c := vsphere.DefaultConfig()
	c.URL, c.CAFile, c.Username, c.Password = v.URL(), v.CAFile(), Username, right
	c.Wait.Address = spec.Duration(wait)
	return c
}

// Open opens the driver; it is closed when the test ends.
func Open(t *testing.T, c vsphere.Config) *vsphere.Driver {
	t.Helper()
	d, err := vsphere.New(c, passwords{right: Password, wrong: "wrong"}, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = d.Close(ctx)
	})
	return d
}

// Site is what the compute suite needs of a vCenter. silent keeps guests from telling their address.
func Site(v *vcenter.VCenter, trouble *faults.Faults, c vsphere.Config, silent *atomic.Bool, customization, template string) computetest.Site {
	return computetest.Site{
		Compute: spec.Compute{
			Template: template, Datacenter: vcenter.Datacenter, Folder: vcenter.ServersFolder, Pool: vcenter.Cluster,
			Datastore: vcenter.Datastore, Network: vcenter.Network, Customization: customization, Tags: []string{"env/lab"},
		},
		Network:       spec.Network{Address: "10.20.0.11/24", Gateway: "10.20.0.1", Nameservers: []string{"10.20.0.2"}, Domain: "lab.example"},
		TemplateDisks: 1,
		Open:          func(t *testing.T) compute.Platform { t.Helper(); return Open(t, c) },
		OpenWrong: func(t *testing.T) compute.Platform {
			t.Helper()
			other := c
			other.Password = wrong
			return Open(t, other)
		},
		Foreign:     func(t *testing.T, name string) string { t.Helper(); return Foreign(t, v, name) },
		Lose:        func(call computetest.Call) { v.LoseAnswer(method(call)) },
		Delay:       func(call computetest.Call, d time.Duration) { v.Delay(method(call), d) },
		Expire:      v.Expire,
		Down:        trouble.SetDown,
		Silence:     func() { silent.Store(true); c.Wait.Address = spec.Duration(300 * time.Millisecond) },
		AllowHotAdd: func(t *testing.T, id string) { require.NoError(t, v.SetHotAdd(id, true)) },
		Count:       func(t *testing.T) (int, int) { t.Helper(); return Count(t, v) },
		Tags:        func(t *testing.T, id string) []string { t.Helper(); return Tags(t, v, id) },
	}
}

// method is the platform's own name of a call.
func method(call computetest.Call) string {
	return map[computetest.Call]string{
		computetest.Clone: "CloneVM_Task", computetest.Configure: "ReconfigVM_Task", computetest.PowerOn: "PowerOnVM_Task",
		computetest.PowerOff: "PowerOffVM_Task", computetest.Destroy: "Destroy_Task", computetest.Rename: "Rename_Task",
	}[call]
}
