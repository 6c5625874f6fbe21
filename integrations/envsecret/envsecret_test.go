package envsecret_test

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret/secrettest"
	"fermata/integrations/envsecret"
)

// prefixes gives each store a prefix of its own, so that tests run in parallel though the environment is one.
type prefixes struct{ count atomic.Int64 }

func (p *prefixes) next() string {
	return "FERMATA_TEST_" + strconv.FormatInt(p.count.Add(1), 10) + "_"
}

func TestConformance(t *testing.T) {
	t.Parallel()
	var all prefixes
	secrettest.Run(t, secrettest.Bench{Open: func(t *testing.T, secrets map[string]string) secrettest.Store {
		t.Helper()
		prefix := all.next()
		provider, err := envsecret.New(envsecret.Config{Prefix: prefix})
		require.NoError(t, err)
		set := func(t *testing.T, name, value string) {
			t.Helper()
			setenv(t, prefix+strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name)), value)
		}
		for name, value := range secrets {
			set(t, name, value)
		}
		return secrettest.Store{Provider: provider, Set: set}
	}})
}

// setenv does without t.Setenv, which forbids parallel tests; the names are unique.
func setenv(t *testing.T, name, value string) {
	t.Helper()
	require.NoError(t, os.Setenv(name, value)) //nolint:usetesting // See above.
	t.Cleanup(func() { _ = os.Unsetenv(name) })
}

func TestDefaultPrefixAndMapping(t *testing.T) {
	t.Setenv("FERMATA_SECRET_VSPHERE_BERLIN_PASS_WORD", "x")
	t.Setenv("FERMATA_SECRET_EMPTY", "")
	provider, err := envsecret.New(envsecret.Config{})
	require.NoError(t, err)
	value, err := provider.Read(t.Context(), "vsphere/berlin.pass-word")
	require.NoError(t, err)
	require.Equal(t, "x", value.Text())

	_, err = provider.Read(t.Context(), "empty")
	require.True(t, fault.Is(err, fault.NotFound))
	require.ErrorContains(t, err, "FERMATA_SECRET_EMPTY is set but empty")
	_, err = provider.Read(t.Context(), "path")
	require.True(t, fault.Is(err, fault.NotFound), "a variable without the prefix is out of reach")
	require.ErrorContains(t, err, "FERMATA_SECRET_PATH")
}

func TestNewRefusesPrefixesThatNoVariableHas(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"1A", "A-", "A=", " ", "A B_", "A\n"} {
		_, err := envsecret.New(envsecret.Config{Prefix: prefix})
		require.True(t, fault.Is(err, fault.Invalid), "%q", prefix)
	}
}
