package wire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/decision"
)

func TestOnlyTheSameBytesHaveCounted(t *testing.T) {
	t.Parallel()
	signed := decision.Signed{Envelope: []byte("e"), Signature: "s"}
	counted := []Judged{{Signed: decision.Signed{}}, {Signed: signed, Verdict: decision.Verdict{Accepted: true}}}
	require.True(t, Counted(counted, signed))
	require.False(t, Counted(counted, decision.Signed{Envelope: []byte("e"), Signature: "t"}))
	require.False(t, Counted(counted, decision.Signed{Envelope: []byte("f"), Signature: "s"}))
	require.False(t, Counted(counted, decision.Signed{}), "what was refused has not counted")
	v := Forged(decision.Envelope{}, time.Unix(1, 0))
	require.False(t, v.Accepted)
	require.Equal(t, decision.CodeRepeated, v.ReasonCode)
}
