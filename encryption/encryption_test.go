package encryption_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"fermata/encryption"
)

func newKey(t *testing.T, id string) encryption.Key {
	t.Helper()
	k, err := encryption.GenerateKey(id)
	require.NoError(t, err)
	return k
}

func newKeyring(t *testing.T, active encryption.Key, older ...encryption.Key) *encryption.Keyring {
	t.Helper()
	r, err := encryption.NewKeyring(active, older...)
	require.NoError(t, err)
	return r
}

func TestPayloadsComeBackAndStayHidden(t *testing.T) {
	t.Parallel()
	dc := newKeyring(t, newKey(t, "2026-01")).DataConverter()
	type spec struct{ Name, Owner string }
	for name, in := range map[string]any{
		"struct": &spec{"canary-web-01", "server/web-01"}, "bytes": []byte("canary-bytes"), "text": "canary-ü", "nil": nil, "empty": "",
	} {
		p, err := dc.ToPayload(in)
		require.NoError(t, err, name)
		require.Equal(t, encryption.Encoding, string(p.Metadata["encoding"]))
		require.Equal(t, "2026-01", string(p.Metadata[encryption.MetadataKeyID]))
		require.NotContains(t, p.String(), "canary")
		require.NotContains(t, p.String(), "json/plain", "the inner encoding is hidden too")
	}
	var got spec
	p, err := dc.ToPayload(spec{"canary", "x"})
	require.NoError(t, err)
	require.NoError(t, dc.FromPayload(p, &got))
	require.Equal(t, spec{"canary", "x"}, got)
}

func TestTheSamePayloadNeverLooksTheSame(t *testing.T) {
	t.Parallel()
	c := newKeyring(t, newKey(t, "a")).Codec()
	p := &commonpb.Payload{Data: []byte("same")}
	seen := map[string]bool{}
	for range 100 {
		out, err := c.Encode([]*commonpb.Payload{p})
		require.NoError(t, err)
		nonce := string(out[0].Data[:12])
		require.False(t, seen[nonce], "a nonce came twice")
		seen[nonce] = true
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old, active := newKey(t, "old"), newKey(t, "new")
	written, err := newKeyring(t, old).DataConverter().ToPayload("before")
	require.NoError(t, err)
	r := newKeyring(t, active, old)
	var got string
	require.NoError(t, r.DataConverter().FromPayload(written, &got))
	require.Equal(t, "before", got)
	again, err := r.DataConverter().ToPayload("after")
	require.NoError(t, err)
	require.Equal(t, "new", string(again.Metadata[encryption.MetadataKeyID]))

	err = newKeyring(t, active).DataConverter().FromPayload(written, &got)
	require.ErrorContains(t, err, `the key "old" is not in the keyring, which has new: add it as an older key`)
}

func TestClearTextIsPassedOnOnlyIfNotMarked(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	plain, err := converter.GetDefaultDataConverter().ToPayload("from before")
	require.NoError(t, err)
	var got string
	require.NoError(t, r.DataConverter().FromPayload(plain, &got))
	require.Equal(t, "from before", got)

	marked := proto.Clone(plain).(*commonpb.Payload)
	marked.Metadata["encoding"] = []byte(encryption.Encoding)
	require.ErrorContains(t, r.DataConverter().FromPayload(marked, &got), `the key ""`)
	marked.Metadata[encryption.MetadataKeyID] = []byte("a")
	require.ErrorContains(t, r.DataConverter().FromPayload(marked, &got), `the key "a" does not open it`)
}

func TestTamperedPayloadsAreRefused(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, "a"), newKey(t, "b")
	twin := encryption.Key{ID: "b", Secret: a.Secret}
	r := newKeyring(t, a, b)
	cases := map[string]func(p *commonpb.Payload){
		"nonce":           func(p *commonpb.Payload) { p.Data[0] ^= 1 },
		"ciphertext":      func(p *commonpb.Payload) { p.Data[14] ^= 1 },
		"tag":             func(p *commonpb.Payload) { p.Data[len(p.Data)-1] ^= 1 },
		"cut":             func(p *commonpb.Payload) { p.Data = p.Data[:20] },
		"empty":           func(p *commonpb.Payload) { p.Data = nil },
		"longer":          func(p *commonpb.Payload) { p.Data = append(p.Data, 0) },
		"another key":     func(p *commonpb.Payload) { p.Metadata[encryption.MetadataKeyID] = []byte("b") },
		"no key":          func(p *commonpb.Payload) { delete(p.Metadata, encryption.MetadataKeyID) },
		"endless key id":  func(p *commonpb.Payload) { p.Metadata[encryption.MetadataKeyID] = bytes.Repeat([]byte("x"), 1<<16) },
		"unprintable key": func(p *commonpb.Payload) { p.Metadata[encryption.MetadataKeyID] = []byte("\x1b[2J") },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := r.Codec().Encode([]*commonpb.Payload{{Data: []byte("canary")}})
			require.NoError(t, err)
			change(out[0])
			_, err = r.Codec().Decode(out)
			require.ErrorContains(t, err, "the key ")
			require.Less(t, len(err.Error()), 400)
			require.NotContains(t, err.Error(), "\x1b")
			require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString(a.Secret))
		})
	}
	out, err := r.Codec().Encode([]*commonpb.Payload{{Data: []byte("canary")}})
	require.NoError(t, err)
	out[0].Metadata[encryption.MetadataKeyID] = []byte("b")
	_, err = newKeyring(t, twin).Codec().Decode(out)
	require.Error(t, err, "the id is authenticated, even between keys with the same secret")
}

func TestCodecChangesNoArgument(t *testing.T) {
	t.Parallel()
	c := newKeyring(t, newKey(t, "a")).Codec()
	in := []*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"x"`)}}
	before := proto.Clone(in[0])
	out, err := c.Encode(in)
	require.NoError(t, err)
	require.True(t, proto.Equal(before, in[0]))
	encrypted := proto.Clone(out[0])
	back, err := c.Decode(out)
	require.NoError(t, err)
	require.True(t, proto.Equal(encrypted, out[0]))
	require.True(t, proto.Equal(before, back[0]))
}

func TestFailuresLeaveNoClearText(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	fc := r.FailureConverter()
	cause := fmt.Errorf("canary-inner: %w", errors.New("canary-root"))
	in := temporal.NewApplicationErrorWithOptions("canary-message", "Unavailable", temporal.ApplicationErrorOptions{
		Cause: cause, Details: []any{"canary-detail"}, NonRetryable: true,
	})
	f := fc.ErrorToFailure(in)
	require.NotContains(t, f.String(), "canary")
	f.StackTrace = "canary-stack"
	require.NoError(t, converter.EncodeCommonFailureAttributes(r.DataConverter(), f))
	wire, err := proto.Marshal(f)
	require.NoError(t, err)
	require.NotContains(t, string(wire), "canary")
	require.Contains(t, string(wire), "Unavailable", "the type stays clear, Temporal needs it")

	var stored failurepb.Failure
	require.NoError(t, proto.Unmarshal(wire, &stored))
	var app *temporal.ApplicationError
	require.ErrorAs(t, r.FailureConverter().FailureToError(proto.Clone(f).(*failurepb.Failure)), &app)

	var out *temporal.ApplicationError
	require.ErrorAs(t, fc.FailureToError(fc.ErrorToFailure(in)), &out)
	require.Equal(t, "canary-message", out.Message())
	require.True(t, out.NonRetryable())
	var detail string
	require.NoError(t, out.Details(&detail))
	require.Equal(t, "canary-detail", detail)
	require.ErrorContains(t, errors.Unwrap(out), "canary-inner")
}

func TestStackOfAFailureComesBack(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	f := &failurepb.Failure{Message: "canary-message", StackTrace: "canary-stack"}
	require.NoError(t, converter.EncodeCommonFailureAttributes(r.DataConverter(), f))
	require.NotContains(t, f.String(), "canary")
	converter.DecodeCommonFailureAttributes(r.DataConverter(), f)
	require.Equal(t, "canary-message", f.Message)
	require.Equal(t, "canary-stack", f.StackTrace)
}

func TestKeysAreParsed(t *testing.T) {
	t.Parallel()
	k := newKey(t, "2026-01_a.b")
	require.True(t, k.Bound)
	require.WithinDuration(t, time.Now(), k.Created, time.Minute)
	older := encryption.Key{ID: k.ID, Secret: k.Secret}
	for _, k := range []encryption.Key{k, older, newKey(t, "fermata-key-2")} {
		got, err := encryption.ParseKey("\n " + k.Encode() + "\n")
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	// So does a build from before binding read it: as a key whose secret is no base64.
	_, rest, _ := strings.Cut(k.Encode(), ":")
	_, err := base64.StdEncoding.Strict().DecodeString(rest)
	require.Error(t, err)
}

func TestBadKeysAreRefused(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("k", 32)
	good := base64.StdEncoding.EncodeToString([]byte(secret))
	cases := map[string]struct{ text, want string }{
		"empty":       {"", "expected an id, a colon"},
		"no colon":    {good, "expected an id, a colon"},
		"no id":       {":" + good, "a key's id has"},
		"bad id":      {"a b:" + good, "a key's id has"},
		"long id":     {strings.Repeat("a", 65) + ":" + good, "a key's id has"},
		"short":       {"a:" + base64.StdEncoding.EncodeToString([]byte(secret[:16])), "has 16 bytes instead of 32"},
		"long":        {"a:" + base64.StdEncoding.EncodeToString([]byte(secret+"k")), "has 33 bytes instead of 32"},
		"not base64":  {"a:" + strings.Repeat("!", 44), "is not base64"},
		"two colons":  {"a:b:" + good, "is not base64"},
		"zeros":       {"a:" + base64.StdEncoding.EncodeToString(make([]byte, 32)), "all zeros"},
		"no time":     {"fermata-key-2:a::" + good, "the time it was made at"},
		"bad time":    {"fermata-key-2:a:2026-01-01:" + good, "the time it was made at"},
		"bound, bad":  {"fermata-key-2:a b:20260101T000000Z:" + good, "a key's id has"},
		"bound, none": {"fermata-key-2:a:20260101T000000Z:", "has 0 bytes instead of 32"},
		"one more":    {"fermata-key-2:a:b:20260101T000000Z:" + good, "is not base64"},
		"hexadecimal": {"a:" + strings.Repeat("ab", 32), "has 48 bytes instead of 32"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := encryption.ParseKey(c.text)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), good)
		})
	}
	_, err := encryption.GenerateKey("")
	require.ErrorContains(t, err, "a key's id has")
	_, err = encryption.NewKeyring(encryption.Key{ID: "a", Secret: []byte("short")})
	require.ErrorContains(t, err, "has 5 bytes")
	_, err = encryption.NewKeyring(newKey(t, "a"), newKey(t, "b"), newKey(t, "a"))
	require.ErrorContains(t, err, `two keys with the id "a"`)
}

func TestKeysAreNeverPrinted(t *testing.T) {
	t.Parallel()
	k := encryption.Key{ID: "a", Secret: []byte(strings.Repeat("K", 32))}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "in", struct{ K encryption.Key }{k})
	js, err := json.Marshal(k)
	require.NoError(t, err)
	texts := []string{log.String(), string(js), k.String(), fmt.Sprint(k), fmt.Sprint(&k), fmt.Sprint([]encryption.Key{k})}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%X", "%q"} {
		texts = append(texts, fmt.Sprintf(verb, k), fmt.Sprintf(verb, struct{ K encryption.Key }{k}))
	}
	for _, text := range texts {
		for _, leak := range []string{"KKKK", "S0tLS0", "75 75", "4b4b", "4B4B", "0x4b"} {
			require.NotContains(t, text, leak)
		}
	}
}
