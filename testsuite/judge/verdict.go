package judge

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict says how facts differ from those that were wanted.
type Verdict struct {
	Lost       []string // Wanted and not there.
	Duplicated []string // Wanted, and there too often.
	Unlisted   []string // There, and nobody wanted or listed it.
}

// Compare holds facts against those that were wanted, each as often as it is wanted. An object that is there a second
// time, in whatever state, is duplicated.
func Compare(want, got []string) Verdict {
	var v Verdict
	wanted, found := count(want), count(got)
	for fact, n := range wanted {
		switch {
		case found[fact] < n:
			v.Lost = append(v.Lost, fact)
		case found[fact] > n:
			v.Duplicated = append(v.Duplicated, fact)
		}
	}
	for fact := range found {
		switch {
		case wanted[fact] > 0:
		case again(fact, wanted, found):
			v.Duplicated = append(v.Duplicated, fact)
		default:
			v.Unlisted = append(v.Unlisted, fact)
		}
	}
	for _, list := range [][]string{v.Lost, v.Duplicated, v.Unlisted} {
		slices.Sort(list)
	}
	return v
}

// again reports whether a fact tells of an object that is there as it is wanted, too. Such facts read "OBJECT is STATE".
func again(fact string, wanted, found map[string]int) bool {
	object, _, ok := strings.Cut(fact, " is ")
	if !ok {
		return false
	}
	for other := range found {
		if wanted[other] > 0 && strings.HasPrefix(other, object+" is ") {
			return true
		}
	}
	return false
}

func count(facts []string) map[string]int {
	n := map[string]int{}
	for _, fact := range facts {
		n[fact]++
	}
	return n
}

// Good reports whether nothing differs.
func (v Verdict) Good() bool { return len(v.Lost)+len(v.Duplicated)+len(v.Unlisted) == 0 }

func (v Verdict) String() string {
	if v.Good() {
		return "as undisturbed"
	}
	var parts []string
	for _, part := range []struct {
		what  string
		facts []string
	}{{"lost", v.Lost}, {"duplicated", v.Duplicated}, {"unlisted", v.Unlisted}} {
		if len(part.facts) > 0 {
			parts = append(parts, fmt.Sprintf("%s: %s", part.what, strings.Join(part.facts, "; ")))
		}
	}
	return strings.Join(parts, " | ")
}
