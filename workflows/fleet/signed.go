package fleet

import (
	"fermata/decision"
	"fermata/wire"
)

// stopCommand is the signed command that stopped the fleet; nil: nobody signed one.
func (p *fleet) stopCommand() *wire.Decide {
	all := p.frame.Decisions()
	for i := len(all) - 1; i >= 0; i-- {
		if c := all[i].Verdict.Envelope.Command; all[i].Verdict.Accepted && (c == decision.Undo || c == decision.Cancel) {
			return &wire.Decide{Signed: all[i].Signed}
		}
	}
	return nil
}

// proofOf is never nil, so that a fleet of one has a proof too.
func proofOf(leaves [][]byte, index int) []string {
	return append([]string{}, decision.TreeProof(leaves, index)...)
}
