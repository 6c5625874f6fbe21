package openstack

import (
	"cmp"
	"context"
	"slices"
	"time"

	"fermata/activities/fault"
)

// candidate is one of several objects that carry the same mark, because two attempts made theirs at once.
type candidate struct {
	id      string
	inUse   bool
	created time.Time
}

// elect says which of them stays: one that is in use, else the oldest. Every attempt that sees them all chooses the same, and the
// one that made the last has seen them all.
func elect(all []candidate) (stays candidate, rest []candidate) {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b candidate) int {
		if a.inUse != b.inUse {
			return map[bool]int{true: -1, false: 1}[a.inUse]
		}
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id))
	})
	return sorted[0], sorted[1:]
}

// settle keeps one of those that carry the same mark, and removes the others. What cannot be removed any more because somebody
// has begun to use it is Unavailable: the next look sees it.
func settle(ctx context.Context, all []candidate, remove func(context.Context, string) error) (id string, err error) {
	stays, rest := elect(all)
	for _, each := range rest {
		if each.inUse {
			return "", fault.New(fault.Conflict, "%s and %s carry the same key, and both are in use: one of them is a copy that somebody made", stays.id, each.id)
		}
		if err := unless(fault.NotFound, remove(ctx, each.id)); err != nil {
			return "", err
		}
	}
	return stays.id, nil
}
