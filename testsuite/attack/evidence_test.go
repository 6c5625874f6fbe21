package attack

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/record"
	"fermata/decision"
	"fermata/wire"
)

// evidence requires that the record shows the verdicts, and that ssh-keygen agrees with each about the signature.
func (x *target) evidence(t *testing.T, expected []string) {
	t.Helper()
	out, err := x.Client.Records(t.Context(), record.FindInput{Run: x.Run}, false)
	require.NoError(t, err)
	require.Len(t, out.Entries, 1)
	var r record.Record
	require.NoError(t, json.Unmarshal(out.Entries[0].Record, &r))
	var kept struct {
		Decisions []wire.Judged `json:"decisions"`
	}
	require.NoError(t, json.Unmarshal(r.Decisions, &kept))
	codes := make([]string, len(kept.Decisions))
	checks := map[string]bool{} // By the number of the decision.
	for i, d := range kept.Decisions {
		codes[i] = d.Verdict.ReasonCode
		require.Equal(t, codes[i] == decision.CodeAccepted, d.Verdict.Accepted)
		if len(d.Signed.Envelope) > 0 {
			checks[number(x.Run, i)] = signedWell(codes[i])
		}
	}
	require.Equal(t, expected, codes, "the record tells of all of them, in their order")
	x.checked(t, checks)
}

// signedWell: what was refused for another reason than who signed it is signed well, and refused for what it says.
func signedWell(code string) bool {
	return !slices.Contains([]string{decision.CodeMalformed, decision.CodeSignature, decision.CodeRepeated, decision.CodeSigner, decision.CodeRevoked}, code)
}

func number(run string, i int) string {
	return run + "-" + string(rune('0'+(i+1)/10)) + string(rune('0'+(i+1)%10)) + ".json"
}

// checked exports the record and runs the commands that are printed with it.
func (x *target) checked(t *testing.T, checks map[string]bool) {
	t.Helper()
	got := x.typed(t, "history", x.Run, "--envelopes", filepath.Join(t.TempDir(), "evidence"))
	require.Zero(t, got.code, "%s\n%s", got.err, got.out)
	found := 0
	for line := range strings.SplitSeq(got.out, "\n") {
		if !strings.HasPrefix(line, "ssh-keygen ") {
			continue
		}
		found++
		file := filepath.Base(line[strings.LastIndex(line, " ")+1:])
		good, known := checks[file]
		require.True(t, known, line)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
		require.Equal(t, good, err == nil, "%s\n%s", line, out)
	}
	require.Len(t, checks, found)
}
