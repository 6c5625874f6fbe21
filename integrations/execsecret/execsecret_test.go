package execsecret_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret/secrettest"
	"fermata/integrations/execsecret"
)

// keeper is a helper over a folder: NAME/VERSION holds an answer, NAME/current the current version.
const keeper = `store=$1
read -r question
field() { printf '%s' "$question" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
name=$(field name) version=$(field version)
say() { printf '{"error":"%s","message":"%s"}\n' "$1" "$2"; exit 0; }
[ -e "$store/denied" ] && say Unauthorized "not for you"
[ -e "$store/$name/current" ] || say NotFound "no secret $name"
[ -n "$version" ] || version=$(cat "$store/$name/current")
[ -e "$store/$name/$version" ] || say NotFound "no version $version"
exec cat "$store/$name/$version"
`

// script writes a shell script and returns how it is run. The shell is the program, so that the tests write none that
// another of them may hold open for writing while it is to be run.
func script(t *testing.T, text string, args ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "helper.sh")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return append([]string{"/bin/sh", path}, args...)
}

func open(t *testing.T, cfg execsecret.Config) execsecret.Provider {
	t.Helper()
	p, err := execsecret.New(cfg)
	require.NoError(t, err)
	return p
}

func TestConformance(t *testing.T) {
	t.Parallel()
	secrettest.Run(t, secrettest.Bench{Open: func(t *testing.T, secrets map[string]string) secrettest.Store {
		t.Helper()
		store := t.TempDir()
		current := map[string]int{}
		set := func(t *testing.T, name, value string) {
			t.Helper()
			current[name]++
			version := strconv.Itoa(current[name])
			text, err := json.Marshal(map[string]string{"value": value, "version": version})
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Join(store, name), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(store, name, version), text, 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(store, name, "current"), []byte(version), 0o600))
		}
		for name, value := range secrets {
			set(t, name, value)
		}
		command := script(t, keeper, store)
		return secrettest.Store{
			Provider: open(t, execsecret.Config{Command: command, Timeout: time.Minute}), Set: set,
			Forbid: func(t *testing.T) {
				t.Helper()
				require.NoError(t, os.WriteFile(filepath.Join(store, "denied"), nil, 0o600))
			},
			TakeDown: func(t *testing.T) { t.Helper(); require.NoError(t, os.Remove(command[1])) },
			Destroy: func(t *testing.T, name string) {
				t.Helper()
				require.NoError(t, os.Remove(filepath.Join(store, name, strconv.Itoa(current[name]))))
			},
		}
	}})
}

// The question is on standard input; the arguments are those of the configuration; the environment is what was listed.
func TestTheHelperIsGivenWhatItMayKnow(t *testing.T) {
	t.Setenv("FERMATA_TEST_SEEN", "seen")
	t.Setenv("FERMATA_TEST_HIDDEN", "hidden")
	kept := filepath.Join(t.TempDir(), "kept")
	p := open(t, execsecret.Config{
		Command: script(t, `{ cat; printf '%s|' "$@"; env; pwd; } > "$1"; echo '{"value":"v","version":"3"}'`, kept, "a b", "$(id)"),
		Env:     []string{"FERMATA_TEST_SEEN", "FERMATA_TEST_UNSET"},
	})
	_, version, err := p.ReadVersion(t.Context(), "web-01/db#password", "3")
	require.NoError(t, err)
	require.Equal(t, "3", version)
	text, err := os.ReadFile(kept)
	require.NoError(t, err)
	require.Contains(t, string(text), `{"name":"web-01/db","field":"password","version":"3"}`+"\n"+kept+"|a b|$(id)|")
	require.Contains(t, string(text), "FERMATA_TEST_SEEN=seen\n")
	for _, never := range []string{"FERMATA_TEST_HIDDEN", "FERMATA_TEST_UNSET", "HOME=", "GOTMPDIR"} {
		require.NotContains(t, string(text), never)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]execsecret.Config{
		"none":      {},
		"relative":  {Command: []string{"helper"}},
		"a folder":  {Command: []string{"./helper"}},
		"zero byte": {Command: []string{"/bin/sh", "a\x00b"}},
		"timeout":   {Command: []string{"/bin/sh"}, Timeout: -time.Second},
		"variable":  {Command: []string{"/bin/sh"}, Env: []string{"A=B"}},
		"no name":   {Command: []string{"/bin/sh"}, Env: []string{""}},
	} {
		_, err := execsecret.New(cfg)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", name, err)
	}
}
