package decision_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/decision"
)

var (
	issued   = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	planHash = "sha256:" + strings.Repeat("ab", 32)
)

func envelope(changes ...func(*decision.Envelope)) decision.Envelope {
	e := decision.Envelope{
		Version: decision.Version, Cluster: "production", Namespace: "fermata", WorkflowID: "server/web-01",
		Run: "01JZ0000000000000000000000", Gate: "approval", Nonce: "bm9uY2Utbm9uY2Utbm9uYw", Command: decision.Approve,
		Hash: planHash, Person: "alice@example.org", Issued: issued, Expires: issued.Add(time.Hour),
	}
	for _, change := range changes {
		change(&e)
	}
	return e
}

const canonicalText = `{"cluster":"production","command":"approve","expires":"2026-06-01T13:00:00Z","gate":"approval",` +
	`"hash":"sha256:abababababababababababababababababababababababababababababababab","issued":"2026-06-01T12:00:00Z",` +
	`"namespace":"fermata","nonce":"bm9uY2Utbm9uY2Utbm9uYw","person":"alice@example.org",` +
	`"run":"01JZ0000000000000000000000","version":1,"workflow_id":"server/web-01"}`

func TestCanonicalBytesAndIDAreFixed(t *testing.T) {
	t.Parallel()
	b, err := envelope().Canonical()
	require.NoError(t, err)
	require.Equal(t, canonicalText, string(b))
	require.Equal(t, "e36a95b39fbd92f59fb625a04f4caf601e71231b13d6d24763233f2ff900201b", envelope().ID(),
		"ids are in records: the bytes must never change")
}

func TestEnvelopesComeBack(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*decision.Envelope){
		"plain":  func(*decision.Envelope) {},
		"reason": func(e *decision.Envelope) { e.Reason = "first line\n\tsecond: <ü> & \"quotes\" \u2028 🎼" },
		"retry":  func(e *decision.Envelope) { e.Command, e.Step = decision.Retry, "compute.clone" },
		"skip":   func(e *decision.Envelope) { e.Command, e.Step = decision.Skip, "x" },
		"person": func(e *decision.Envelope) { e.Person = "Jürgen" },
		"start":  func(e *decision.Envelope) { e.Command, e.Gate = decision.Start, decision.StartGate },
	} {
		in := envelope(change)
		b, err := in.Canonical()
		require.NoError(t, err, name)
		out, err := decision.Parse(b)
		require.NoError(t, err, name)
		require.Equal(t, in, out, name)
		require.Equal(t, in.ID(), out.ID(), name)
	}
}

func TestTimesAreUTCAndWholeSeconds(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("x", 2*60*60)
	e := envelope(func(e *decision.Envelope) {
		e.Issued, e.Expires = e.Issued.In(zone).Add(time.Millisecond), e.Expires.In(zone).Add(999*time.Millisecond)
	})
	require.Equal(t, envelope().ID(), e.ID())
}

func TestIncompleteEnvelopesCannotBeSigned(t *testing.T) {
	t.Parallel()
	type change = func(*decision.Envelope)
	cases := map[string]struct {
		change change
		want   string
	}{
		"version 0":         {func(e *decision.Envelope) { e.Version = 0 }, "version 0 is not known"},
		"version 2":         {func(e *decision.Envelope) { e.Version = 2 }, "version 2 is not known"},
		"cluster":           {func(e *decision.Envelope) { e.Cluster = "" }, "cluster is empty"},
		"namespace":         {func(e *decision.Envelope) { e.Namespace = "" }, "namespace is empty"},
		"workflow":          {func(e *decision.Envelope) { e.WorkflowID = "" }, "workflow_id is empty"},
		"run":               {func(e *decision.Envelope) { e.Run = "" }, "run is empty"},
		"gate":              {func(e *decision.Envelope) { e.Gate = "" }, "gate is empty"},
		"nonce":             {func(e *decision.Envelope) { e.Nonce = "" }, "nonce is empty"},
		"command":           {func(e *decision.Envelope) { e.Command = "" }, "command is empty"},
		"unknown command":   {func(e *decision.Envelope) { e.Command = "aprove" }, "expected one of start, approve"},
		"hash":              {func(e *decision.Envelope) { e.Hash = "" }, "hash is empty"},
		"hash of another":   {func(e *decision.Envelope) { e.Hash = "md5:ab" }, "64 lower-case"},
		"hash in capitals":  {func(e *decision.Envelope) { e.Hash = "sha256:" + strings.Repeat("AB", 32) }, "64 lower-case"},
		"hash not hex":      {func(e *decision.Envelope) { e.Hash = "sha256:" + strings.Repeat("xy", 32) }, "64 lower-case"},
		"hash too short":    {func(e *decision.Envelope) { e.Hash = e.Hash[:70] }, "64 lower-case"},
		"person":            {func(e *decision.Envelope) { e.Person = "" }, "person is empty"},
		"retry of nothing":  {func(e *decision.Envelope) { e.Command = decision.Retry }, "retry needs the name of a step"},
		"approve of a step": {func(e *decision.Envelope) { e.Step = "x" }, "does not belong to the command approve"},
		"no issued":         {func(e *decision.Envelope) { e.Issued = time.Time{} }, "issued is missing"},
		"no expires":        {func(e *decision.Envelope) { e.Expires = time.Time{} }, "expires is missing"},
		"year 10000":        {func(e *decision.Envelope) { e.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "expires is missing or no time"},
		"no lifetime":       {func(e *decision.Envelope) { e.Expires = e.Issued }, "expires is not after issued"},
		"half a second":     {func(e *decision.Envelope) { e.Expires = e.Issued.Add(time.Second / 2) }, "expires is not after issued"},
		"newline":           {func(e *decision.Envelope) { e.Person = "a\nb" }, "person contains a control"},
		"escape":            {func(e *decision.Envelope) { e.Reason = "\x1b[2J" }, "reason contains a control"},
		"right to left":     {func(e *decision.Envelope) { e.Reason = "a\u202eb" }, "reason contains a control or invisible"},
		"not UTF-8":         {func(e *decision.Envelope) { e.Gate = "\xff" }, "gate is not valid UTF-8"},
		"too long":          {func(e *decision.Envelope) { e.Reason = strings.Repeat("x", decision.MaxSize) }, "shorten the reason"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := envelope(c.change)
			_, err := e.Canonical()
			require.ErrorContains(t, err, c.want)
			require.Empty(t, e.ID())
		})
	}
}

func TestParseRefusesWhatIsWrittenAnotherWay(t *testing.T) {
	t.Parallel()
	replace := func(old, to string) string { return strings.Replace(canonicalText, old, to, 1) }
	cases := map[string]struct{ text, want string }{
		"nothing":          {"", "no JSON object"},
		"null":             {"null", "no JSON object"},
		"an array":         {"[" + canonicalText + "]", "no JSON object"},
		"a cut one":        {canonicalText[:len(canonicalText)-1], "EOF"},
		"data behind":      {canonicalText + "{}", "data behind it"},
		"newline behind":   {canonicalText + "\n", "not canonical"},
		"blank before":     {" " + canonicalText, "not canonical"},
		"blank inside":     {replace(`"version":1`, `"version": 1`), "not canonical"},
		"another order":    {replace(`"version":1,"workflow_id":"server/web-01"`, `"workflow_id":"server/web-01","version":1`), "not canonical"},
		"unknown field":    {replace(`"version":1`, `"approved":true,"version":1`), `unknown field "approved"`},
		"twice":            {replace(`"version":1`, `"version":1,"version":1`), `the field "version" is there twice`},
		"twice, escaped":   {replace(`"version":1`, `"version":1,"versio\u006e":1`), `the field "version" is there twice`},
		"other case":       {replace(`"version":1`, `"Version":1`), "not canonical"},
		"twice, in case":   {replace(`"command":"approve"`, `"Command":"reject","command":"approve"`), "not canonical"},
		"escaped":          {replace(`approve`, `\u0061pprove`), "not canonical"},
		"exponent":         {replace(`"version":1`, `"version":1e0`), "version"},
		"fraction":         {replace(`"version":1`, `"version":1.0`), "version"},
		"other type":       {replace(`"version":1`, `"version":"1"`), "version"},
		"null field":       {replace(`"person":"alice@example.org"`, `"person":null`), "person is empty"},
		"empty reason":     {replace(`"run":`, `"reason":"","run":`), "not canonical"},
		"offset":           {replace(`12:00:00Z`, `12:00:00+00:00`), "not canonical"},
		"another zone":     {replace(`12:00:00Z`, `14:00:00+02:00`), "not canonical"},
		"fraction of time": {replace(`12:00:00Z`, `12:00:00.5Z`), "not canonical"},
		"no time":          {replace(`2026-06-01T12:00:00Z`, `yesterday`), "yesterday"},
		"not UTF-8":        {replace(`production`, "produ\xffction"), "not canonical"},
		"missing":          {replace(`"gate":"approval",`, ``), "gate is empty"},
		"version 2":        {replace(`"version":1`, `"version":2`), "version 2 is not known"},
		"nested":           {replace(`"version":1`, `"version":`+strings.Repeat("[", 9000)), ""},
		"too large":        {strings.Repeat(" ", decision.MaxSize+1), "more than the 16384 allowed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decision.Parse([]byte(c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := decision.Parse([]byte(canonicalText))
	require.NoError(t, err)
}

func TestHash(t *testing.T) {
	t.Parallel()
	a, err := decision.Hash(map[string]any{"b": 1, "a": []any{"x", true, nil, 1.5}})
	require.NoError(t, err)
	b, err := decision.Hash(struct {
		A []any `json:"a"`
		B int   `json:"b"`
	}{[]any{"x", true, nil, 1.5}, 1})
	require.NoError(t, err)
	require.Equal(t, a, b, "the order of fields does not matter")
	require.Equal(t, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", must(decision.Hash(struct{}{})))
	require.NotEqual(t, must(decision.Hash([]int{1, 2})), must(decision.Hash([]int{2, 1})))
	require.NoError(t, decision.Envelope.Validate(envelope(func(e *decision.Envelope) { e.Hash = a })))
	must(decision.Hash(int64(1) << 53))
}

func TestHashRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"large integer":          {map[string]int64{"bytes": 1<<53 + 1}, "9007199254740993 is beyond 2^53"},
		"large negative integer": {[]int64{-1<<53 - 1}, "beyond 2^53"},
		"function":               {func() {}, "unsupported type"},
		"large number in raw":    {json.RawMessage(`[99999999999999999999]`), "beyond 2^53"},
	} {
		_, err := decision.Hash(c.value)
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestNonces(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		n := decision.NewNonce()
		require.Regexp(t, `^[A-Za-z0-9_-]{22}$`, n)
		require.False(t, seen[n])
		seen[n] = true
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
