// Package arch holds the house's rules on who may import whom against the code.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// graph is every package with what it imports, tests left out.
type graph map[string][]string

func load(t *testing.T) graph {
	t.Helper()
	touch(t)
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports", "./...")
	command.Dir = "../.."
	out, err := command.Output()
	require.NoError(t, err)
	g := graph{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else {
			require.NoError(t, err)
		}
		g[p.ImportPath] = p.Imports
	}
}

// touch opens the sources itself: "go test" does not know what "go list" reads, and would show an old result as good.
func touch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // An editor's, gone already.
		}
		require.NoError(t, err)
		return file.Close()
	})
	require.NoError(t, err)
}

// reach returns everything that a package imports, directly or not.
func (g graph) reach(from string) map[string]bool {
	seen := map[string]bool{}
	queue := []string{from}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, i := range g[p] {
			if !seen[i] {
				seen[i] = true
				queue = append(queue, i)
			}
		}
	}
	return seen
}

func under(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

// leaves may be used by every capability.
var leaves = []string{"fermata/activities/fault", "fermata/activities/operation", "fermata/activities/secret"}

func isLeaf(p string) bool {
	for _, l := range leaves {
		if under(p, l) {
			return true
		}
	}
	return false
}

func room(p, folder string) string {
	return strings.Split(strings.TrimPrefix(p, folder+"/"), "/")[0]
}

func TestWhoMayImportWhom(t *testing.T) {
	t.Parallel()
	g := load(t)
	own := 0
	for p, imports := range g {
		if !under(p, "fermata") {
			continue
		}
		own++
		for _, i := range imports {
			if reason := forbidden(p, i); reason != "" {
				t.Errorf("%s imports %s: %s", p, i, reason)
			}
		}
	}
	require.Greater(t, own, 40, "the packages were found")
}

// forbidden says why a direct import is against the rules; empty: it is not.
func forbidden(p, i string) string {
	sandboxed := under(p, "fermata/sandbox") || under(p, "fermata/testsuite") || p == "fermata/cmd/fermata-sandbox"
	switch {
	case under(i, "fermata/sandbox") && !sandboxed, under(i, "fermata/testsuite") && !under(p, "fermata/testsuite"):
		return "nobody but the sandbox and tests"
	case under(i, "fermata/access") && !sandboxed && !under(p, "fermata/access") && p != "fermata/cmd/fermata-temporal":
		return "what a certificate may do is the business of Temporal's frontend alone"
	case under(p, "fermata/workflows"):
		return forbiddenToWorkflows(i)
	case under(p, "fermata/activities"):
		if under(i, "fermata/activities") && room(i, "fermata/activities") != room(p, "fermata/activities") && !isLeaf(i) {
			return "a capability knows no other"
		}
	case under(p, "fermata/integrations") && p != "fermata/integrations":
		return forbiddenToIntegrations(p, i)
	case under(p, "fermata/spec") && under(i, "fermata") && !under(i, "fermata/spec"),
		under(p, "fermata/decision") && under(i, "fermata") && !under(i, "fermata/spec"):
		return "a document knows nothing of the house"
	}
	return ""
}

func forbiddenToWorkflows(i string) string {
	if i == "os" || i == "net" || i == "net/http" || under(i, "fermata/integrations") || under(i, "fermata/client") {
		return "workflows do nothing by themselves"
	}
	return ""
}

func forbiddenToIntegrations(p, i string) string {
	shared := map[string]bool{"cloudx": true, "dbx": true, "dnsx": true, "httpx": true, "sshx": true}
	switch {
	case under(i, "go.temporal.io/sdk"), under(i, "fermata/workflows"), under(i, "fermata/client"):
		return "an integration knows its system and nothing of runs"
	case under(i, "fermata/integrations/"+room(i, "fermata/integrations")) && room(i, "fermata/integrations") != room(p, "fermata/integrations") && !shared[room(i, "fermata/integrations")] && i != "fermata/integrations":
		return "an integration knows no other vendor"
	}
	return ""
}

// farOff says for every room what none of its packages may reach, however long the way.
var farOff = []struct{ room, never string }{
	{"fermata/workflows", "fermata/integrations"},
	{"fermata/workflows", "fermata/client"},
	{"fermata/activities", "fermata/integrations"},
	{"fermata/activities", "fermata/workflows"},
	{"fermata/integrations", "fermata/workflows"},
	{"fermata/client", "go.temporal.io/server"},
	{"fermata/starter", "go.temporal.io/server"},
	{"fermata/starter", "fermata/sandbox"},
	{"fermata/worker", "go.temporal.io/server"},
	{"fermata/worker", "fermata/sandbox"},
	{"fermata/cmd/fermata", "go.temporal.io/server"},
	{"fermata/cmd/fermata", "fermata/sandbox"},
	{"fermata/cmd/fermata-worker", "go.temporal.io/server"},
	{"fermata/cmd/fermata-worker", "fermata/sandbox"},
	{"fermata/cmd/fermata-temporal", "fermata/sandbox"},
	{"fermata/cmd/fermata-temporal", "fermata/worker"},
	{"fermata/decision", "go.temporal.io/sdk"},
	{"fermata/spec", "go.temporal.io"},
}

func TestWhoReachesWhat(t *testing.T) {
	t.Parallel()
	g := load(t)
	for _, x := range farOff {
		found := 0
		for p := range g {
			if !under(p, x.room) {
				continue
			}
			found++
			for reached := range g.reach(p) {
				require.False(t, under(reached, x.never), "%s reaches %s", p, reached)
			}
		}
		require.Positive(t, found, "%s is there", x.room)
	}
}

// A way of two steps is found too.
func TestReachFollowsTheWholeWay(t *testing.T) {
	t.Parallel()
	g := graph{"a": {"b"}, "b": {"a", "c"}, "d": {"a"}}
	require.Equal(t, map[string]bool{"a": true, "b": true, "c": true}, g.reach("a"))
	require.Empty(t, g.reach("c"))
	require.False(t, under("fermata/workflowsx", "fermata/workflows"))
}

// The rules themselves can fail.
func TestTheRulesRefuse(t *testing.T) {
	t.Parallel()
	for _, x := range [][2]string{
		{"fermata/workflows/run", "net/http"},
		{"fermata/workflows/provision", "fermata/integrations/vsphere"},
		{"fermata/activities/compute", "fermata/activities/guest"},
		{"fermata/integrations/haproxy", "fermata/integrations/vsphere"},
		{"fermata/integrations/haproxy", "go.temporal.io/sdk/activity"},
		{"fermata/starter", "fermata/sandbox"},
		{"fermata/spec", "fermata/wire"},
		{"fermata/worker", "fermata/access"},
	} {
		require.NotEmpty(t, forbidden(x[0], x[1]), "%s -> %s", x[0], x[1])
	}
	require.Empty(t, forbidden("fermata/integrations/haproxy", "fermata/integrations/sshx"))
	require.Empty(t, forbidden("fermata/activities/compute", "fermata/activities/fault"))
}
