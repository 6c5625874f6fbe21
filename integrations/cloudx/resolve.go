package cloudx

import (
	"fmt"
	"slices"
	"strings"

	"fermata/activities/cloud"
	"fermata/activities/fault"
)

// Resolve finds what has that id, or else that name. NotFound lists what there is; Invalid is a name that several have.
func Resolve[T any](list []T, ref func(T) cloud.Ref, wanted, what string) (found T, err error) {
	var named []T
	for _, each := range list {
		if ref(each).ID == wanted {
			return each, nil
		}
		if ref(each).Name == wanted {
			named = append(named, each)
		}
	}
	switch len(named) {
	case 1:
		return named[0], nil
	case 0:
		return found, fault.New(fault.NotFound, "there is no %s %q (there are: %s)", what, wanted, names(list, ref))
	}
	var ids []string
	for _, each := range named {
		ids = append(ids, ref(each).ID)
	}
	return found, fault.New(fault.Invalid, "%d objects of kind %s are called %q: name one by its id (%s)", len(named), what, wanted, strings.Join(ids, ", "))
}

// mostNames is how many names an error lists.
const mostNames = 20

func names[T any](list []T, ref func(T) cloud.Ref) string {
	var all []string
	for _, each := range list {
		all = append(all, ref(each).Name)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > mostNames {
		return strings.Join(all[:mostNames], ", ") + fmt.Sprintf(" and %d more", len(all)-mostNames)
	}
	return strings.Join(all, ", ")
}
