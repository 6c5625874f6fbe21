package recordfolder

import (
	"context"

	"fermata/activities/fault"
	"fermata/activities/record"
)

// Verify walks the whole chain from its files, as record.Store says. It writes nothing and needs no lock: the end is
// read before the list, so an entry that is added meanwhile does no harm.
func (s *Store) Verify(ctx context.Context) (int, error) {
	end, err := s.readHead()
	if err != nil {
		return 0, err
	}
	names, err := s.list()
	if err != nil {
		return 0, err
	}
	if end.Sequence == 0 && len(names) > 1 { // The first two may have been written between the two readings.
		if end, err = s.readHead(); err != nil {
			return 0, err
		}
	}
	var previous record.Entry
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return i, fault.Wrap(fault.Unavailable, err, "checking the chain of records")
		}
		if err := contiguous(names[:i+1]); err != nil {
			return i, err
		}
		entry, err := s.read(name)
		if err != nil {
			return i, err
		}
		if err := record.CheckEntry(previous, entry); err != nil {
			return i, err
		}
		if end.Sequence == entry.Sequence && end.Hash != entry.Hash {
			return i, headDiffers(end)
		}
		previous = entry
	}
	return len(names), names.cover(end)
}
