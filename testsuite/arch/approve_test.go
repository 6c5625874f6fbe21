package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reserved are the names that a decision is made with, and the only folders that may use them. A person stands behind
// each but the sandbox, which may approve by itself where no terminal is there to ask.
var reserved = map[string][]string{
	"decision.Approve": {"starter", "client/story", "workflows/run", "workflows/approval", "workflows/fleet", "activities/authority"}, // The starter asks; the others only compare.
	"decision.Sign":    {"client", "starter"},
	"starter.New":      {"cmd/fermata", "sandbox"}, // Who runs the command line, with whatever arguments.
}

// misused returns the reserved names that a source uses outside the folders that may.
func misused(t *testing.T, folder, name string, source any) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	require.NoError(t, err)
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok {
			used := x.Name + "." + s.Sel.Name
			if may, known := reserved[used]; known && !slices.Contains(may, folder) {
				found = append(found, used)
			}
		}
		return true
	})
	return found
}

func TestOnlyTheSandboxApprovesByItself(t *testing.T) {
	t.Parallel()
	looked := 0
	err := filepath.WalkDir("../..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "testsuite" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		folder, err := filepath.Rel("../..", filepath.Dir(file))
		if err != nil {
			return err
		}
		looked++
		for _, name := range misused(t, filepath.ToSlash(folder), file, nil) {
			t.Errorf("%s uses %s: only %s may", file, name, strings.Join(reserved[name], ", "))
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, looked, 100, "the sources were found")
}

func TestAnApprovalElsewhereIsFound(t *testing.T) {
	t.Parallel()
	source := `package worker

import "fermata/decision"

func sneak(e decision.Envelope) { e.Command = decision.Approve; _, _ = decision.Sign(e, nil) }
`
	require.Equal(t, []string{"decision.Approve", "decision.Sign"}, misused(t, "worker", "sneak.go", source))
	require.Equal(t, []string{"decision.Sign"}, misused(t, "workflows/run", "sneak.go", source))
	require.Empty(t, misused(t, "starter", "sneak.go", source))
}
