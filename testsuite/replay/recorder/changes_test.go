package recorder

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// changes are runs of a server that exists.
func changes() []story {
	return []story{
		{"change-done", func(t *testing.T, s *set) []execution {
			s.done(t, older)
			started := s.change(t, larger)
			s.Approve(t, started)
			return s.ends(t, started, wire.Done)
		}},
		{"change-nothing", func(t *testing.T, s *set) []execution {
			s.done(t)
			return s.ends(t, s.change(t), wire.Done)
		}},
		{"change-fell-back", func(t *testing.T, s *set) []execution {
			s.done(t, older)
			started := s.change(t, func(x *spec.Server) { x.Spec.Application.Config[0].Content = "port = none\n" })
			s.Approve(t, started)
			s.Until(t, started, "a held step", people.In(wire.Held))
			s.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Undo}, s.Requester)
			return s.ends(t, started, wire.Undone)
		}},
		{"compare-server", func(t *testing.T, s *set) []execution {
			s.done(t)
			out, err := s.Client.Compare(t.Context(), "web-01")
			require.NoError(t, err)
			require.Empty(t, out.Drifted())
			return s.latest(t, wire.CompareServer)
		}},
	}
}

func older(x *spec.Server) { x.Spec.Application.Package.Version = "1.1.0" }

// larger asks for something of every kind, with a restart, and for the newer application.
func larger(x *spec.Server) {
	x.Spec.Compute.CPUs = 4
	x.Spec.Storage[0].Size = 30 * spec.GiB
	x.Spec.Storage = append(x.Spec.Storage, spec.Volume{Name: "logs", Size: 2 * spec.GiB, Filesystem: "ext4", Mount: "/srv/logs", Owner: "root", Mode: "0755"})
	x.Spec.OS.Packages = append(x.Spec.OS.Packages, "jq")
	x.Spec.OS.Files = append(x.Spec.OS.Files, spec.File{Path: "/etc/hello.txt", Content: "hello\n", Owner: "root", Mode: "0644"})
	x.Spec.Firewall = append(x.Spec.Firewall, spec.Rule{Name: "admin", From: []string{"10.9.0.0/16"}, Protocol: "tcp", Port: 22})
	x.Spec.LoadBalancer.Weight = 7
}

func (s *set) change(t *testing.T, change ...func(*spec.Server)) client.Started {
	t.Helper()
	r, err := client.Change(stage.WebServer(t, change...))
	return s.Begin(t, r, err)
}
