package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/sandbox"
	"fermata/starter"
	"fermata/testsuite/judge"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// hall is a running sandbox and what a user has of it: the installation's description and two keys.
type hall struct {
	*stage.Stage
	folder string
	judge  judge.Judge
}

func open(t *testing.T, change ...func(*sandbox.Options)) *hall {
	t.Helper()
	o := sandbox.Options{Folder: t.TempDir(), WithoutUI: true, Log: stage.Logger(t)}
	for _, f := range change {
		f(&o)
	}
	s := stage.Start(t, o)
	return &hall{Stage: s, folder: o.Folder, judge: judge.Judge{Estate: s.Estate, Folder: o.Folder}}
}

// answer is what a command printed and how it ended.
type answer struct {
	out, err string
	code     int
}

// typed runs a command as a person types it, signed with a key.
func (h *hall) typed(t *testing.T, key string, args ...string) answer {
	t.Helper()
	return typed(t, append([]string{"--config", h.Config, "--key", key}, args...)...)
}

func typed(t *testing.T, args ...string) answer {
	t.Helper()
	var out, err bytes.Buffer
	app := starter.New()
	app.Writer, app.ErrWriter = &out, &err
	failure := app.RunContext(t.Context(), starter.Arrange(app, append([]string{"fermata"}, args...)))
	code := starter.ExitCode(&err, failure)
	return answer{out.String(), err.String(), code}
}

// requester and approver type a command that must end with the code.
func (h *hall) requester(t *testing.T, code int, args ...string) answer {
	t.Helper()
	a := h.typed(t, h.People.RequesterKey, args...)
	require.Equal(t, code, a.code, "fermata %v\n%s\n%s", args, a.out, a.err)
	return a
}

func (h *hall) approver(t *testing.T, code int, args ...string) answer {
	t.Helper()
	a := h.typed(t, h.People.ApproverKey, args...)
	require.Equal(t, code, a.code, "fermata %v\n%s\n%s", args, a.out, a.err)
	return a
}

// server is a spec on disk: the example under another name and address, changed in pairs of old and new text.
type server struct{ name, address, file string }

func (s server) target() string { return "server/" + s.name }

func written(t *testing.T, name, address string, changes ...string) server {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(stage.Root(t), "examples", "web-server.yaml"))
	require.NoError(t, err)
	text := string(data)
	for i, pairs := 0, append([]string{"name: web-01 #", "name: " + name + " #", "10.20.0.11", address}, changes...); i < len(pairs); i += 2 {
		require.Contains(t, text, pairs[i])
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	s := server{name, address, filepath.Join(t.TempDir(), name+".yaml")}
	require.NoError(t, os.WriteFile(s.file, []byte(text), 0o600))
	return s
}

// begin types a command that starts a run, and waits until it asks for the approval.
func (h *hall) begin(t *testing.T, args ...string) client.Started {
	t.Helper()
	var started client.Started
	a := h.requester(t, 0, append([]string{"-o", "json"}, args...)...)
	require.NoError(t, json.Unmarshal([]byte(a.out), &started))
	h.Until(t, started, "waiting for the approval", func(p wire.Progress) bool { return p.Phase == wire.Waiting || people.Ended(p) })
	return started
}

// approved types a command that starts a run, and lets it go on.
func (h *hall) approved(t *testing.T, args ...string) client.Started {
	t.Helper()
	started := h.begin(t, args...)
	a := h.approver(t, 0, "approve", started.Run, "--yes", "--reason", "read it")
	require.Contains(t, a.out, "approve of "+started.WorkflowID+" by "+sandbox.Approver+" counts")
	return started
}

// facts are what the systems hold of a server, its records and tickets left out.
func (h *hall) facts(t *testing.T, s server) []string {
	t.Helper()
	all, err := h.judge.Facts(t.Context(), s.name, s.address)
	require.NoError(t, err)
	facts := []string{}
	for _, fact := range all {
		if !strings.HasPrefix(fact, "record") && !strings.HasPrefix(fact, "ticket") && !strings.HasPrefix(fact, "note of ticket") {
			facts = append(facts, fact)
		}
	}
	return facts
}
