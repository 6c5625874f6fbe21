package recorder

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/temporalproto"

	"fermata/encryption"
	"fermata/testsuite/replay"
)

// largest is how many bytes a history may have. The repository carries them for ever.
const largest = 1 << 20

// keep writes a history, unless this very build cannot replay it.
func keep(t *testing.T, h *historypb.History, keys *encryption.Keyring, file string) {
	t.Helper()
	require.NoError(t, replay.Replay(h, keys), "a fresh history does not replay: the workflow is not deterministic")
	data := marshal(t, h)
	if len(data) > largest {
		file += replay.Packed
		data = pack(t, h, keys)
	}
	require.Less(t, len(data), largest, "a history of this size makes the repository large: find a shorter story")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) // EXCL: nothing is overwritten, whatever happens.
	require.NoError(t, err)
	_, err = f.Write(data)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	t.Logf("%s: %d events, %d KiB", filepath.Base(file), len(h.GetEvents()), len(data)>>10)
}

func marshal(t *testing.T, h *historypb.History) []byte {
	t.Helper()
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(h)
	require.NoError(t, err)
	require.False(t, hostname(t).Match(data), "the history names this machine")
	return append(data, '\n')
}

// pack opens what is sealed, because nothing sealed can be made smaller, and compresses it.
func pack(t *testing.T, h *historypb.History, keys *encryption.Keyring) []byte {
	t.Helper()
	require.NoError(t, proxy.VisitPayloads(t.Context(), h, proxy.VisitPayloadsOptions{
		Visitor: func(_ *proxy.VisitPayloadsContext, sealed []*commonpb.Payload) ([]*commonpb.Payload, error) {
			return keys.Codec().Decode(sealed)
		},
	}))
	require.NoError(t, replay.Replay(h, keys), "the opened history does not replay")
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	require.NoError(t, err)
	_, err = w.Write(marshal(t, h))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}
