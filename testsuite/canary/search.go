package canary

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Search looks for planted secrets in places, and remembers both. It may be used by several at once.
type Search struct {
	finder *finder

	mu     sync.Mutex
	places map[string]int // Bytes, by name.
	finds  []Find
}

// Find is a secret in a place.
type Find struct {
	Place, Secret string
	Forms         []string
}

// New starts a search for secrets of at least 24 bytes, given by name.
func New(secrets map[string]string) *Search {
	return &Search{finder: newFinder(secrets), places: map[string]int{}}
}

// Look looks into a place. The same name twice is one place that was looked into twice.
func (s *Search) Look(place string, data []byte) {
	found := s.finder.find(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places[place] += len(data)
	for secret, names := range found {
		s.finds = append(s.finds, Find{place, secret, names})
	}
}

// Document looks into something as JSON.
func (s *Search) Document(t testing.TB, place string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	s.Look(place, data)
}

// Files looks into every file below a folder, and at their names. Places are called prefix and the path within the folder.
// Those that except names by these paths are left out, with what is below them. Files may come and go meanwhile.
func (s *Search) Files(t testing.TB, prefix, folder string, except ...string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		name, wrong := filepath.Rel(folder, path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != folder:
			return nil
		case errors.Join(err, wrong) != nil:
			return errors.Join(err, wrong)
		case slices.Contains(except, name) && entry.IsDir():
			return filepath.SkipDir
		case slices.Contains(except, name) || !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path) //nolint:gosec // The folders are the test's own.
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		s.Look(prefix+name, append(data, "\n"+name...))
		return err
	}))
}

// Places is how many there were whose names contain a text, and how many bytes they had.
func (s *Search) Places(text string) (n, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, length := range s.places {
		if strings.Contains(name, text) {
			n, size = n+1, size+length
		}
	}
	return n, size
}

// Found says whether a secret stands in a place whose name contains a text.
func (s *Search) Found(secret, place string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.finds, func(f Find) bool { return f.Secret == secret && strings.Contains(f.Place, place) })
}

// Judge fails with every place in which a secret stands and does not belong. For a secret in a place where it belongs,
// belongs returns a name; Judge returns these names.
func (s *Search) Judge(t testing.TB, belongs func(Find) string) map[string]bool {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	arrived := map[string]bool{}
	var leaks []string
	for _, f := range s.finds {
		if name := belongs(f); name != "" {
			arrived[name] = true
			continue
		}
		leaks = append(leaks, fmt.Sprintf("the secret of %q stands in %s as %s", f.Secret, f.Place, strings.Join(f.Forms, ", ")))
	}
	slices.Sort(leaks)
	require.Empty(t, slices.Compact(leaks))
	return arrived
}
