package wire

import (
	"strings"
	"time"

	"fermata/decision"
)

// What is kept of a refused decision. A good envelope with its signature has about 1 KiB.
const (
	KeptSize   = 4 << 10 // Of a larger one, in bytes, only the verdict.
	KeptReason = 1 << 10 // Bytes.
)

// Weight is how many bytes the decision itself has.
func (d Decide) Weight() int { return len(d.Signed.Envelope) + len(d.Signed.Signature) }

// Bounded is the decision as it is kept: one that was refused must not make what keeps it too heavy to be carried.
func (j Judged) Bounded() Judged {
	if j.Verdict.Accepted {
		return j
	}
	if (Decide{Signed: j.Signed}).Weight() > KeptSize {
		j.Signed, j.Verdict.Envelope = decision.Signed{}, decision.Envelope{} // No evidence, only weight.
	}
	if len(j.Verdict.Reason) > KeptReason {
		j.Verdict.Reason = strings.ToValidUTF8(j.Verdict.Reason[:KeptReason], "") + "…"
	}
	return j
}

// Unjudged is the verdict on a decision that nobody could judge, for that reason.
func Unjudged(e decision.Envelope, reason string, at time.Time) decision.Verdict {
	return decision.Verdict{ReasonCode: decision.CodeNoPolicy, Envelope: e, ID: e.ID(), Reason: reason, At: at}
}
