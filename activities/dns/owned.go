package dns

import "fermata/activities/operation"

// RemoveEach removes all that op's owner has in the zones, one after the other: find lists it, remove takes one away. It is the
// RemoveOwned of drivers whose servers cannot be asked that at once. What was removed before a fault is returned with it.
func RemoveEach(
	op operation.Op, zones []string, p operation.Progress, find func(zone string) ([]Published, error), remove func(Published) error,
) ([]Published, error) {
	if err := CheckOp(op); err != nil {
		return nil, err
	}
	var removed []Published
	for _, zone := range zones {
		if err := CheckName(zone); err != nil {
			return removed, err
		}
		owned, err := find(zone)
		if err != nil {
			return removed, err
		}
		for _, r := range owned {
			p.Say("removing " + r.Name)
			if err := remove(r); err != nil {
				return removed, err
			}
			removed = append(removed, r)
		}
	}
	return removed, nil
}
