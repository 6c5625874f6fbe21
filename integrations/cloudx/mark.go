package cloudx

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// Mark says whose an object is.
type Mark struct {
	Key   string
	Owner operation.Owner
}

// MarkOf is the mark of what an operation makes.
func MarkOf(op operation.Op) Mark { return Mark{op.Key.String(), op.Owner} }

// Ours picks from a list what carries the mark. Conflict: something of the same owner that is a rival is there under another key.
func Ours[T any](list []T, of func(T) Mark, want Mark, rival func(T) bool, what string) ([]T, error) {
	var mine []T
	for _, each := range list {
		switch m := of(each); {
		case m == want:
			mine = append(mine, each)
		case m.Owner == want.Owner && rival(each):
			return nil, fault.New(fault.Conflict, "%s of %s is there already under the key %s", what, want.Owner, m.Key)
		}
	}
	return mine, nil
}

// Carrying picks what carries the mark.
func Carrying[T any](list []T, of func(T) Mark, want Mark) []T {
	return slices.DeleteFunc(slices.Clone(list), func(each T) bool { return of(each) != want })
}

// ValidTags refuses tags of a request that the driver sets itself. Fault: Invalid.
func ValidTags(tags map[string]string) error {
	for name := range tags {
		if strings.HasPrefix(strings.ToLower(name), "fermata") {
			return fault.New(fault.Invalid, "tag %q: names that begin with fermata are the driver's own", name)
		}
	}
	return nil
}

// Candidate is one of several objects that carry the same mark, because two attempts made theirs at once.
type Candidate struct {
	ID      string
	InUse   bool
	Created time.Time // Zero where the cloud does not tell.
}

// Settle keeps one of those that carry the same mark, one that is in use or else the oldest, and removes the others. Every attempt
// that sees them all chooses the same, and the one that made the last has seen them all. What cannot be removed any more because
// somebody has begun to use it is Unavailable: the next look sees it.
func Settle(ctx context.Context, all []Candidate, remove func(context.Context, string) error) (id string, err error) {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Candidate) int {
		if a.InUse != b.InUse {
			return map[bool]int{true: -1, false: 1}[a.InUse]
		}
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	stays, rest := sorted[0], sorted[1:]
	for _, each := range rest {
		if each.InUse {
			return "", fault.New(fault.Conflict, "%s and %s carry the same key, and both are in use: one of them is a copy that somebody made", stays.ID, each.ID)
		}
		if err := Unless(fault.NotFound, remove(ctx, each.ID)); err != nil {
			return "", err
		}
	}
	return stays.ID, nil
}
