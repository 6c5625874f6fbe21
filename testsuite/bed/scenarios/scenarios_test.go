package scenarios

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/spec"
	"fermata/testsuite/bed/repository"
	"fermata/testsuite/canary"
)

// TestScenarios carries runs over one machine room. Its parts follow each other in this order: what one has put into
// service, the next finds there.
func TestScenarios(t *testing.T) {
	b := &story{bench: setup(t)}
	b.startSearch(t)
	b.before = b.estate.holdings(t)
	for _, part := range []struct {
		name string
		tell func(*testing.T)
	}{
		{"five servers at once, the sshd of one is down", b.fiveAtOnce},
		{"users get the application's answer, the world outside gets nothing", b.served},
		{"the ticket tells everything", b.told},
		{"everything breaks under twenty runs", b.twentyInTrouble},
		{"once its sshd is mended, retry finishes the fifth", b.mended},
		{"planted secrets are nowhere else", b.searched},
		{"the record of a run whose history is deleted", b.forgotten},
		{"a decommission leaves nothing", b.decommissioned},
	} {
		begin := time.Now()
		if !t.Run(part.name, part.tell) {
			return
		}
		t.Logf("%6s %s", time.Since(begin).Round(100*time.Millisecond), part.name)
	}
}

// story is what the parts hand on.
type story struct {
	*bench
	before holdings // Of an estate without servers.
	five   []server
	twenty []server
	search *canary.Search
	seen   []*canary.Watch // Of the parts in which processes were watched.
}

// server is one with the run that makes it.
type server struct {
	name, address, version string
	client.Started
}

func startedOf(servers []server) (runs []client.Started) {
	for _, s := range servers {
		runs = append(runs, s.Started)
	}
	return runs
}

// mute is the server whose sshd does not start: web-03.
const mute = 2

func (b *story) fiveAtOnce(t *testing.T) {
	b.watch(t)
	status, _, err := b.estate.get(t, "clients", balancerAddress, "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, status, "the pool is empty")
	for i := range 5 {
		s := server{name: fmt.Sprintf("web-%02d", i+1), address: fmt.Sprintf("10.20.0.%d", 11+i), version: repository.New}
		asked := example(t, s.name, s.address, func(asked *spec.Server) {
			asked.Spec.Application.Config = append(asked.Spec.Application.Config, spec.File{Path: "/srv/data/token", Secret: "secret://file/volume"})
			if i == mute {
				b.estate.silence(s.name)
				asked.Spec.Run.RetryFor = spec.Duration(time.Minute)
			}
		})
		r, err := client.Provision(asked)
		s.Started = b.Begin(t, r, err)
		b.five = append(b.five, s)
	}
	each(t, startedOf(b.five), b.Approve)
	for i, s := range b.five {
		if i != mute {
			b.Done(t, s.Started)
		}
	}
	h := b.estate.holdings(t)
	for i, s := range b.five {
		if i != mute {
			require.Equal(t, one(), h.of(s.name, s.address), s.name)
		}
	}
	held := h.of(b.five[mute].name, b.five[mute].address)
	require.Equal(t, map[string]int{"machines": 1}, held, "nobody is let near a server that is not ready")
}

// served: scenario 1, with real packets.
func (b *story) served(t *testing.T) {
	versions := map[string]string{}
	for i, s := range b.five {
		if i != mute {
			versions[s.name] = s.version
		}
	}
	b.estate.answers(t, versions)
	status, body, err := b.estate.get(t, "clients", balancerAddress, "/healthz")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Regexp(t, `^ok hello-web 1\.2\.0 web-0[1245]\n$`, body)
	b.estate.nothing(t, "outside", balancerAddress+":80")
	b.estate.nothing(t, "outside", b.five[0].address+":8080")
	b.estate.nothing(t, "clients", b.five[0].address+":8080")
	b.estate.nothing(t, "balancer", b.five[0].address+":22")
}
