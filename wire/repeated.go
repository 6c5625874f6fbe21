package wire

import (
	"bytes"
	"slices"
	"time"

	"fermata/decision"
)

// CountedAlready is what who sends a decision again is told.
const CountedAlready = "this decision has counted already"

// Counted reports whether the decision, with this signature, is among those that counted.
func Counted(decisions []Judged, s decision.Signed) bool {
	return slices.ContainsFunc(decisions, func(j Judged) bool {
		return j.Verdict.Accepted && bytes.Equal(j.Signed.Envelope, s.Envelope) && j.Signed.Signature == s.Signature
	})
}

// Forged is the verdict on an envelope that has counted and comes again under another signature.
func Forged(e decision.Envelope, at time.Time) decision.Verdict {
	return decision.Verdict{
		ReasonCode: decision.CodeRepeated, Envelope: e, ID: e.ID(), At: at,
		Reason: CountedAlready + ", under another signature than this",
	}
}
