package spec_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/spec"
)

func TestSizeRoundTrip(t *testing.T) {
	t.Parallel()
	for size, text := range map[spec.Size]string{
		0: "0B", 1: "1B", -1: "-1B", 1500: "1500B", 1024: "1KiB", 4 * spec.GiB: "4GiB", 1536 * spec.MiB: "1536MiB", 1024 * spec.GiB: "1TiB",
		1<<63 - 1: "9223372036854775807B", -1 << 63: "-8388608TiB",
	} {
		require.Equal(t, text, size.String())
		asJSON, err := json.Marshal(size)
		require.NoError(t, err)
		require.Equal(t, `"`+text+`"`, string(asJSON))
		var back spec.Size
		require.NoError(t, json.Unmarshal(asJSON, &back))
		require.Equal(t, size, back)
	}
}

func TestSizeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "4", "4 GiB", "4GB", "4g", "4gib", "GiB", "1.5GiB", "0x4GiB", "8388608TiB", "99999999999999999999KiB", "4GiB\n", "٤GiB"} {
		var size spec.Size
		require.Error(t, size.UnmarshalText([]byte(text)), text)
		require.Error(t, yaml.Unmarshal([]byte(`"`+text+`"`), &size), text)
	}
	var size spec.Size
	require.Error(t, yaml.Unmarshal([]byte("-4GiB"), &size), "documents have no negative size")
	require.Error(t, yaml.Unmarshal([]byte("4096B"), &size), "documents have no bytes")
	require.Error(t, yaml.Unmarshal([]byte("[4GiB]"), &size))
}

func TestYAMLRoundTrip(t *testing.T) {
	t.Parallel()
	server, err := spec.Parse("f", []byte(full))
	require.NoError(t, err)
	text, err := yaml.Marshal(server)
	require.NoError(t, err)
	require.Contains(t, string(text), "memory: 4GiB")
	require.Contains(t, string(text), "grace: 168h0m0s")
	back, err := spec.Parse("again", text)
	require.NoError(t, err)
	require.Equal(t, server, back)
}

func TestDuration(t *testing.T) {
	t.Parallel()
	asJSON, err := json.Marshal(spec.Duration(72 * time.Hour))
	require.NoError(t, err)
	require.Equal(t, `"72h0m0s"`, string(asJSON))
	var back spec.Duration
	require.NoError(t, json.Unmarshal(asJSON, &back))
	require.Equal(t, spec.Duration(72*time.Hour), back)
	require.Error(t, json.Unmarshal([]byte(`"3d"`), &back))
	require.Error(t, json.Unmarshal([]byte(`""`), &back))
	require.Error(t, json.Unmarshal([]byte(`72`), &back))
}
