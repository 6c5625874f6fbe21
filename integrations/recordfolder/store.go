// Package recordfolder keeps records as files in one folder: one file for each run, never changed, each naming the hash
// of the one before.
//
// Several processes may write to the folder at once. A crash at any moment leaves the chain whole: a record is there
// entirely or not at all.
package recordfolder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/record"
)

// lockPoll is how often a process that waits for the folder looks again.
const lockPoll = 20 * time.Millisecond

// Store keeps records in a folder. It implements record.Store.
type Store struct{ folder string }

// New returns a store in the folder, which is made at the first write. Faults: Invalid without a folder.
func New(folder string) (*Store, error) {
	if folder == "" {
		return nil, fault.New(fault.Invalid, "keeping records: no folder is set: set spec.records.folder")
	}
	return &Store{folder: filepath.Clean(folder)}, nil
}

// Endpoint returns the folder.
func (s *Store) Endpoint() string { return s.folder }

// Check proves that records can be written: it writes a file as Append does, and removes it. Faults: Unavailable.
func (s *Store) Check(ctx context.Context) error {
	return s.locked(ctx, func() error {
		temp, err := s.writeTemp([]byte("check\n"))
		if err != nil {
			return s.unwritable(err)
		}
		return s.unwritable(os.Remove(temp))
	})
}

// Append adds the record of a run, as record.Store says.
func (s *Store) Append(ctx context.Context, r record.Record) (entry record.Entry, err error) {
	if !runForm.MatchString(r.Run) {
		return record.Entry{}, fault.New(fault.Invalid, "writing the record of run %q: expected a ULID", r.Run)
	}
	content, err := record.Canonical(r)
	if err != nil {
		return record.Entry{}, err
	}
	err = s.locked(ctx, func() error {
		entry, err = s.appendLocked(ctx, r, content)
		return err
	})
	if err != nil {
		return record.Entry{}, err
	}
	return entry, nil
}

func (s *Store) appendLocked(ctx context.Context, r record.Record, content json.RawMessage) (record.Entry, error) {
	s.removeTemps()
	names, err := s.list()
	if err != nil {
		return record.Entry{}, err
	}
	if err := contiguous(names); err != nil {
		return record.Entry{}, err
	}
	last, err := s.last(names)
	if err != nil {
		return record.Entry{}, err
	}
	if name, ok := names.ofRun(r.Run); ok {
		return s.adopt(name, content, last)
	}
	entry, err := record.Seal(last, r, time.Now())
	if err != nil {
		return record.Entry{}, err
	}
	if err := ctx.Err(); err != nil {
		return record.Entry{}, fault.Wrap(fault.Unavailable, err, "writing the record of run "+r.Run)
	}
	return entry, s.put(entry, r)
}

// adopt returns the entry that an earlier attempt wrote for the run.
func (s *Store) adopt(name name, content json.RawMessage, last record.Entry) (record.Entry, error) {
	entry, err := s.read(name)
	if err != nil {
		return record.Entry{}, err
	}
	if !bytes.Equal(entry.Record, content) {
		return record.Entry{}, fault.New(fault.Conflict, "writing the record of run %s: entry %d holds another content for this run; a record is never changed",
			name.run, name.sequence)
	}
	// The earlier attempt may have ended between the entry and the head.
	return entry, s.writeHead(last)
}

// last reads the end of the chain and refuses to build on one that is visibly broken: an entry behind a forged one
// would vouch for it.
func (s *Store) last(names names) (record.Entry, error) {
	head, err := s.readHead()
	if err != nil {
		return record.Entry{}, err
	}
	if err := names.cover(head); err != nil {
		return record.Entry{}, err
	}
	if len(names) == 0 {
		return record.Entry{}, nil
	}
	last, err := s.read(names[len(names)-1])
	if err != nil {
		return record.Entry{}, err
	}
	previous := record.Entry{Sequence: last.Sequence - 1, Hash: last.Previous} // What is before is Verify's business.
	if err := record.CheckEntry(previous, last); err != nil {
		return record.Entry{}, err
	}
	if head.Sequence == last.Sequence && head.Hash != last.Hash {
		return record.Entry{}, headDiffers(head)
	}
	return last, nil
}

// ByOwner returns the entries of an owner, as record.Store says.
func (s *Store) ByOwner(ctx context.Context, owner operation.Owner) ([]record.Entry, error) {
	names, err := s.list()
	if err != nil {
		return nil, err
	}
	var entries []record.Entry
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "reading records")
		}
		entry, err := s.read(name)
		if err != nil {
			return nil, err
		}
		if owner == "" || aboutOf(entry).Owner == owner {
			entries = append(entries, entry)
		}
	}
	return entries, nil
}

// about is what a file's name repeats of the record.
type about struct {
	Run   string          `json:"run"`
	Owner operation.Owner `json:"owner"`
}

func aboutOf(e record.Entry) (a about) {
	_ = json.Unmarshal(e.Record, &a) // Read before as JSON; what says nothing of these has none.
	return a
}

// locked runs f while no other process writes to the folder.
func (s *Store) locked(ctx context.Context, f func() error) error {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return s.unwritable(err)
	}
	lock := flock.New(filepath.Join(s.folder, lockName), flock.SetPermissions(0o600))
	ok, err := lock.TryLockContext(ctx, lockPoll)
	if ctx.Err() != nil {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for the folder of records "+s.folder)
	}
	if err != nil || !ok {
		return s.unwritable(fmt.Errorf("locking it: %w", err))
	}
	defer func() { _ = lock.Close() }()
	return f()
}
