package recordfolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

const (
	lockName   = ".lock"
	headName   = "HEAD"
	tempPrefix = ".tmp-"
	// maxOwner keeps names below the 255 bytes that file systems take.
	maxOwner = 120
)

var (
	runForm  = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{26}$`) // ULID: Crockford's alphabet.
	nameForm = regexp.MustCompile(`^(\d{6,})-([A-Za-z0-9._-]*)-([0-9A-HJKMNP-TV-Z]{26})\.json$`)
	notInUse = regexp.MustCompile(`[^A-Za-z0-9._]+`)
)

// name is the name of an entry's file, taken apart.
type name struct {
	file     string
	sequence int
	run      string
}

type names []name

// fileName writes the name of an entry's file: "000001-server.web-01-01J….json".
func fileName(sequence int, owner operation.Owner, run string) string {
	text := strings.ReplaceAll(string(owner), "/", ".")
	text = strings.Trim(notInUse.ReplaceAllString(text, "-"), "-")
	return fmt.Sprintf("%06d-%s-%s.json", sequence, text[:min(len(text), maxOwner)], run)
}

// list returns the entries' names in the order of the chain. A folder that does not exist is empty.
func (s *Store) list() (names, error) {
	files, err := os.ReadDir(s.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "reading the folder of records: %w", err)
	}
	var found names
	for _, file := range files {
		m := nameForm.FindStringSubmatch(file.Name())
		if m == nil {
			continue
		}
		sequence, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		found = append(found, name{file: file.Name(), sequence: sequence, run: m[3]})
	}
	slices.SortStableFunc(found, func(a, b name) int { return a.sequence - b.sequence })
	return found, nil
}

func (n names) ofRun(run string) (name, bool) {
	i := slices.IndexFunc(n, func(n name) bool { return n.run == run })
	if i < 0 {
		return name{}, false
	}
	return n[i], true
}

// contiguous tells whether the names count from 1 without a gap or a double.
func contiguous(n names) error {
	for i, name := range n {
		switch {
		case name.sequence > i+1:
			return brokenChain(i+1, "its file is missing; the next one is %s", name.file)
		case name.sequence < i+1:
			return brokenChain(name.sequence, "there is more than one file for it, one is %s", name.file)
		}
	}
	return nil
}

// cover tells whether the entries reach as far as the head, which is written behind them.
func (n names) cover(h head) error {
	if h.Sequence > len(n) {
		return brokenChain(len(n)+1, "its file is missing at the end of the chain: %s says that there were %d", headName, h.Sequence)
	}
	if h.Sequence == 0 && len(n) > 1 {
		return brokenChain(len(n), "the file %s, which is written behind every entry, is missing: it was taken away", headName)
	}
	return nil
}

func headDiffers(h head) error {
	return brokenChain(h.Sequence, "its hash is not the one in %s: the end of the chain was replaced", headName)
}

func brokenChain(sequence int, format string, args ...any) error {
	return fault.New(fault.Invalid, "checking the chain of records: entry %d: "+format, append([]any{sequence}, args...)...)
}
