package recordfolder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"fermata/activities/fault"
	"fermata/activities/record"
)

// head notes the end of the chain, so that a file lost at the end shows.
type head struct {
	Sequence int    `json:"sequence"`
	Hash     string `json:"hash"`
}

// put writes the entry under its final name. The link fails where the name exists: nothing is ever overwritten.
func (s *Store) put(entry record.Entry, r record.Record) error {
	text, err := entry.Bytes()
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "writing the record of run "+r.Run)
	}
	temp, err := s.writeTemp(text)
	if err != nil {
		return s.unwritable(err)
	}
	defer os.Remove(temp)
	final := filepath.Join(s.folder, fileName(entry.Sequence, r.Owner, r.Run))
	if err := os.Link(temp, final); err != nil {
		return s.unwritable(err)
	}
	if err := s.syncFolder(); err != nil {
		return fault.Wrap(fault.Ambiguous, err, "writing the record of run "+r.Run)
	}
	return s.writeHead(entry)
}

// writeTemp writes a file of mode 0600 under a temporary name and makes sure that it is on the disk.
func (s *Store) writeTemp(text []byte) (path string, err error) {
	file, err := os.CreateTemp(s.folder, tempPrefix+"*") // O_EXCL, 0600.
	if err != nil {
		return "", err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		_ = os.Remove(file.Name())
		return "", err
	}
	return file.Name(), nil
}

// removeTemps removes what writers that were killed have left. Only the holder of the lock writes.
func (s *Store) removeTemps() {
	left, _ := filepath.Glob(filepath.Join(s.folder, tempPrefix+"*"))
	for _, path := range left {
		_ = os.Remove(path)
	}
}

func (s *Store) writeHead(entry record.Entry) error {
	text, err := json.Marshal(head{Sequence: entry.Sequence, Hash: entry.Hash})
	if err != nil {
		return err
	}
	temp, err := s.writeTemp(append(text, '\n'))
	if err != nil {
		return fault.Wrap(fault.Ambiguous, err, "noting the end of the chain of records")
	}
	if err := os.Rename(temp, filepath.Join(s.folder, headName)); err != nil {
		_ = os.Remove(temp)
		return fault.Wrap(fault.Ambiguous, err, "noting the end of the chain of records")
	}
	if err := s.syncFolder(); err != nil {
		return fault.Wrap(fault.Ambiguous, err, "noting the end of the chain of records")
	}
	return nil
}

// readHead returns the zero head where there is none.
func (s *Store) readHead() (head, error) {
	text, err := os.ReadFile(filepath.Join(s.folder, headName))
	if errors.Is(err, fs.ErrNotExist) {
		return head{}, nil
	}
	if err != nil {
		return head{}, fault.New(fault.Unavailable, "reading the end of the chain of records: %w", err)
	}
	var h head
	if err := json.Unmarshal(text, &h); err != nil || h.Sequence < 1 || !strings.HasPrefix(h.Hash, "sha256:") {
		return head{}, fault.New(fault.Invalid, "checking the chain of records: the file %s was changed: expected a sequence and a hash", headName)
	}
	return h, nil
}

// read returns an entry whose file holds exactly what was written, under the name that it was given.
func (s *Store) read(n name) (record.Entry, error) {
	text, err := os.ReadFile(filepath.Join(s.folder, n.file))
	if err != nil {
		return record.Entry{}, fault.New(fault.Unavailable, "reading record %d: %w", n.sequence, err)
	}
	var entry record.Entry
	if err := json.Unmarshal(text, &entry); err != nil {
		return record.Entry{}, brokenChain(n.sequence, "%s cannot be read: %v", n.file, err)
	}
	again, err := entry.Bytes()
	if err != nil || !bytes.Equal(text, again) {
		return record.Entry{}, brokenChain(n.sequence, "%s does not have the form in which it was written: it was changed", n.file)
	}
	in := aboutOf(entry)
	if wanted := fileName(entry.Sequence, in.Owner, in.Run); entry.Sequence != n.sequence || wanted != n.file {
		return record.Entry{}, brokenChain(n.sequence, "%s holds entry %d: the file was renamed", n.file, entry.Sequence)
	}
	return entry, nil
}

// syncFolder makes the names themselves durable.
func (s *Store) syncFolder() error {
	folder, err := os.Open(s.folder)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// unwritable says what a person does about a folder that takes no record. Nothing was written.
func (s *Store) unwritable(err error) error {
	if err == nil {
		return nil
	}
	advice := "see that the folder can be written"
	switch {
	case errors.Is(err, fs.ErrPermission):
		advice = fmt.Sprintf("let user %d write to it (chown, chmod 700)", os.Geteuid())
	case errors.Is(err, syscall.EROFS):
		advice = "its file system is read-only: mount it for writing"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		advice = "its file system is full: make room"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		advice = "a file stands where the folder should be: move it away, or set another folder"
	}
	return fault.New(fault.Unavailable, "writing to the folder of records %s: %w: %s; the step goes on by itself", s.folder, err, advice)
}
