package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// linking are the rooms that may link Temporal's server: what runs one.
var linking = []string{"fermata/sandbox", "fermata/access/frontend", "fermata/access/cluster", "fermata/cmd/fermata-sandbox", "fermata/cmd/fermata-temporal", "fermata/testsuite"}

func mayLink(p string) bool {
	for _, room := range linking {
		if under(p, room) {
			return true
		}
	}
	return false
}

// Who links the server takes minutes to build: it is among those, and the Makefile keeps it apart.
func TestWhoLinksTemporalsServer(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	heavy := regexp.MustCompile(`(?s)HEAVY := (.*?[^\\])\n`).FindStringSubmatch(string(makefile))
	require.NotNil(t, heavy)
	apart := map[string]bool{}
	for _, name := range strings.Fields(strings.ReplaceAll(heavy[1], "\\\n", " ")) {
		apart["fermata/"+strings.TrimPrefix(name, "./")] = true
	}
	g := load(t)
	found := 0
	for p := range g {
		if !under(p, "fermata") {
			continue
		}
		for reached := range g.reach(p) {
			if under(reached, "go.temporal.io/server") {
				found++
				require.True(t, mayLink(p), "%s reaches %s", p, reached)
				require.True(t, apart[p], "%s links Temporal's server and is not in the Makefile's HEAVY", p)
				break
			}
		}
	}
	require.Greater(t, found, 4)
	require.False(t, mayLink("fermata/access"), "the rules themselves are light")
	require.False(t, mayLink("fermata/worker"))
}

// told are what a run tells of itself afterwards, and what it knows. The second is carried from one execution to the next:
// operation.MustContinue sees to that nobody else hands it over.
var told = map[string]bool{"Governed": true, "state": true}

// approvals returns the fields of a source by which an input could say of itself that it was approved: those that are called
// so, or are written so.
func approvals(t *testing.T, name string, source any) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	require.NoError(t, err)
	var found []string
	says := regexp.MustCompile(`(?i)^(is_?|was_?|pre_?|auto_?)?approved?(_?by|_?at)?$|^skip_?approval|^(json|yaml):"(is_?|was_?|pre_?|auto_?)?approved?(_?by|_?at)?[",]`)
	ast.Inspect(file, func(n ast.Node) bool {
		if kind, ok := n.(*ast.TypeSpec); ok && told[kind.Name.Name] {
			return false
		}
		s, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range s.Fields.List {
			words := []string{}
			for _, n := range f.Names {
				words = append(words, n.Name)
			}
			if f.Tag != nil {
				words = append(words, strings.Fields(strings.Trim(f.Tag.Value, "`"))...)
			}
			for _, w := range words {
				if says.MatchString(w) {
					found = append(found, w)
				}
			}
		}
		return true
	})
	return found
}

// That something is approved is seen in a signed envelope, never believed of a field.
func TestNoInputSaysThatItIsApproved(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, room := range []string{"wire", "workflows", "activities", "spec", "decision", "client", "config"} {
		err := filepath.WalkDir("../../"+room, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return err
			}
			looked++
			require.Empty(t, approvals(t, file, nil), file)
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, looked, 60, "the sources were found")
}

func TestAFieldThatSaysSoIsFound(t *testing.T) {
	t.Parallel()
	source := "package wire\n\ntype Start struct {\n\tApproved bool\n\tOk bool `json:\"approved,omitempty\"`\n\tApprovedBy string\n\tSkipApproval bool\n\tPre bool `yaml:\"preApproved\"`\n" +
		"\tApproval *int `json:\"approval,omitempty\"`\n\tApprover string\n}\n"
	require.Equal(t, []string{"Approved", `json:"approved,omitempty"`, "ApprovedBy", "SkipApproval", `yaml:"preApproved"`}, approvals(t, "start.go", source))
}
