package starter

import "fermata/wire"

// governed shows what the policy said, what the guard says, and who could not be told.
func (s screen) governed(p wire.Progress) []string {
	var out []string
	if stop := p.Stopped; stop != nil {
		out = append(out, "  "+s.paint(red, "automation is stopped")+" "+stoppedBy(*stop)+"; no step begins")
	}
	if p.Waits != "" {
		out = append(out, "  "+s.paint(yellow, "waiting")+": "+line(p.Waits))
	}
	if g := p.Policy; g != nil {
		if g.Change != "normal" {
			out = append(out, "  "+line(g.Change)+" change, rule "+line(g.Rule))
		}
		for _, note := range g.Notes {
			out = append(out, "  "+s.paint(yellow, line(note)))
		}
	}
	for _, n := range p.Notices {
		if n.State == wire.NoticeFailed {
			out = append(out, "  "+s.paint(red, "not told")+": "+line(n.Group)+" by "+line(n.System)+" ("+line(n.Event)+"): "+line(n.Reason))
		}
	}
	return out
}
