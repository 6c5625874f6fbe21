package story

import (
	"time"

	"fermata/wire"
)

// tellStep tells each try of a step, and its undo.
func (s *Story) tellStep(st wire.Step, ended time.Time) {
	for _, try := range st.Before {
		s.add(try.Started, ended, Event{Kind: StepBegun, Step: st.ID, Text: st.Title + ": begun"})
		e := Event{Kind: StepEnded, Step: st.ID, Text: st.Title + ": broken off"}
		if try.Reason != nil {
			e = Event{Kind: StepHeld, Step: st.ID, Text: st.Title + ": held", Detail: []string{try.Reason.Text}, Trouble: true}
		}
		if try.Ended != nil {
			s.add(try.Ended, ended, e)
		}
	}
	if st.Started == nil {
		if st.State == wire.StepHeld || st.State == wire.StepSkipped {
			s.add(nil, ended, Event{Kind: StepHeld, Step: st.ID, Text: st.Title + ": " + string(st.State), Trouble: true})
		}
		return
	}
	s.add(st.Started, ended, Event{Kind: StepBegun, Step: st.ID, Text: st.Title + ": begun"})
	if st.Ended != nil {
		s.add(st.Ended, ended, endOf(st))
	}
	s.tellUndo(st, ended)
}

// endOf tells how the latest try of a step ended. A later undo has taken the place of its state.
func endOf(st wire.Step) Event {
	e := Event{Kind: StepEnded, Step: st.ID, Text: st.Title + ": " + string(st.State), Detail: st.Result}
	switch st.State {
	case wire.StepHeld, wire.StepSkipped:
		e.Kind, e.Text, e.Trouble = StepHeld, st.Title+": held", true
		if st.Reason != nil {
			e.Detail = []string{st.Reason.Text}
		}
	case wire.StepUndone, wire.StepUndoFailed, wire.StepUndoing:
		e.Text = st.Title + ": ended"
		if len(st.Result) > 0 {
			e.Text = st.Title + ": done"
		}
	case wire.StepDone, wire.StepCancelled, wire.StepRunning, wire.StepWaiting:
	}
	return e
}

func (s *Story) tellUndo(st wire.Step, ended time.Time) {
	switch st.State {
	case wire.StepUndone:
		s.add(st.Undone, ended, Event{Kind: Undo, Step: st.ID, Text: "undo: " + st.Title + ": taken back"})
	case wire.StepUndoFailed:
		e := Event{Kind: Undo, Step: st.ID, Text: "undo: " + st.Title + ": NOT taken back", Trouble: true}
		if st.Reason != nil {
			e.Detail = []string{st.Reason.Text}
		}
		s.add(st.Undone, ended, e)
	case wire.StepUndoing:
		s.add(nil, ended, Event{Kind: Undo, Step: st.ID, Text: "undo: " + st.Title + ": begun"})
	default:
	}
}

// joined puts the begin and the end of a step into one line where nothing came between.
func joined(events []Event) []Event {
	out := events[:0:0]
	for _, e := range events {
		if n := len(out); n > 0 && out[n-1].Kind == StepBegun && e.Kind == StepEnded && out[n-1].Step == e.Step {
			e.Kind, e.Until, e.At = Step, e.At, out[n-1].At
			out[n-1] = e
			continue
		}
		out = append(out, e)
	}
	return out
}
