package starter

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/wire"
)

func TestDiffTellsDrift(t *testing.T) {
	t.Parallel()
	same := wire.Item{Object: "memory", Recorded: "4GiB", Actual: "4GiB"}
	other := wire.Item{Object: "CPUs", Recorded: "2", Actual: "4\x1b[2J", Drift: true}
	unread := []wire.Observation{{Name: "guest web-01", Text: "does not answer"}}
	for name, x := range map[string]struct {
		compared wire.Comparison
		err      error
		code     int
		out      string
	}{
		"no drift":         {wire.Comparison{Owner: "server/web-01", Items: []wire.Item{same}}, nil, exitOK, "as recorded: 1 things"},
		"drift":            {wire.Comparison{Owner: "server/web-01", Items: []wire.Item{same, other}}, nil, exitDrift, "recorded 2"},
		"unread":           {wire.Comparison{Owner: "server/web-01", Items: []wire.Item{other}, Unread: unread}, nil, exitUnavailable, "recorded 2"},
		"not under it":     {wire.Comparison{}, fault.New(fault.NotFound, "no record"), exitNotFound, ""},
		"nobody to answer": {wire.Comparison{}, fault.New(fault.Unavailable, "no worker"), exitUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.compared, d.err = x.compared, x.err
			out, errors, code := d.run(t, "diff", "web-01")
			require.Equal(t, x.code, code, errors)
			require.Contains(t, out, x.out)
			require.NotContains(t, out, "\x1b")
			require.NotContains(t, out, "memory", "only what differs")
		})
	}
}

func TestDiffIsADocument(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.compared = wire.Comparison{Owner: "server/web-01", Items: []wire.Item{{Object: "CPUs", Recorded: "2", Actual: "4", Drift: true}}}
	out, _, code := d.run(t, "-o", "json", "diff", "web-01")
	require.Equal(t, exitDrift, code)
	var read wire.Comparison
	require.NoError(t, json.Unmarshal([]byte(out), &read))
	require.Equal(t, d.compared, read)
}

// A server that the records know is changed, not provisioned: the one who plans sees it, and that there is nothing to do.
func TestPlanOfAServerThatExists(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.managed = true
	d.preview = wire.Preview{Nothing: true, Plan: wire.Plan{Kind: wire.ChangeServer, Owner: "server/web-01"}}
	data, err := os.ReadFile("../examples/web-server.yaml")
	require.NoError(t, err)
	d.write(t, "web.yaml", string(data))
	out, errors, code := d.run(t, "plan", d.folder+"/web.yaml")
	require.Equal(t, exitOK, code, errors)
	require.Contains(t, out, "ChangeServer of server/web-01")
	require.Contains(t, out, "nothing to change")
}
