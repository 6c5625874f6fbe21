package guest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
)

// maxLinks is how many symbolic links a path may lead through, as Linux counts them.
const maxLinks = 40

// tree is the guest's name space: the system's file system and what is mounted over it.
//
// Paths are resolved here, one name after another, because os.Root refuses absolute links and a guest has many. What
// this resolution finds is then opened through os.Root, which has the last word: a mistake here ends in an error, never
// outside the folder.
type tree struct {
	mu     sync.RWMutex
	system *filesystem
	mounts []*mount
	// device tells the type of a node below /dev: 0, fs.ModeDevice or fs.ModeDevice|fs.ModeCharDevice.
	device func(name string) fs.FileMode
	// touched is called after each change, with no lock held.
	touched func()
}

// filesystem is a folder of the real machine and what its own file system cannot hold: owners and modes.
type filesystem struct {
	root   *os.Root
	mu     sync.Mutex
	owners map[string]attributes // By path relative to root.
}

// attributes are a file's mode bits (those of chmod) and owner.
type attributes struct {
	Mode uint32 `json:"mode"`
	UID  int    `json:"uid,omitempty"`
	GID  int    `json:"gid,omitempty"`
}

// place is where a path ends.
type place struct {
	fs   *filesystem
	rel  string // In fs; "." is its root.
	path string // In the guest, without links.
	info *info  // nil: nothing is there yet.
}

func (t *tree) locate(name string) (*filesystem, string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	found, base := t.system, "/"
	for _, m := range t.mounts { // A later mount hides an earlier one of the same place.
		if within(name, m.Target) && len(m.Target) >= len(base) {
			found, base = m.fs, m.Target
		}
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(name, base), "/")
	if rel == "" {
		rel = "."
	}
	return found, rel
}

func within(name, base string) bool {
	return base == "/" || name == base || strings.HasPrefix(name, base+"/")
}

// resolve follows a path. The last name may be missing (info nil); any other that is missing is an error.
func (t *tree) resolve(name string, follow bool, who account) (place, error) {
	at, rest := "/", names(name)
	here, err := t.look(at)
	if err != nil {
		return place{}, err
	}
	for links := 0; len(rest) > 0; {
		if here.info == nil {
			return place{}, syscall.ENOENT
		}
		if !here.info.IsDir() {
			return place{}, syscall.ENOTDIR
		}
		if !who.may(here.info, 1) {
			return place{}, syscall.EACCES
		}
		next := rest[0]
		rest = rest[1:]
		if next == ".." {
			next = path.Dir(at)
		} else {
			next = path.Join(at, next)
		}
		step, err := t.look(next)
		if err != nil {
			return place{}, err
		}
		if step.info != nil && step.info.Mode()&fs.ModeSymlink != 0 && (follow || len(rest) > 0) {
			if links++; links > maxLinks {
				return place{}, syscall.ELOOP
			}
			target, err := step.fs.root.Readlink(step.rel)
			if err != nil {
				return place{}, cause(err)
			}
			if path.IsAbs(target) {
				at = "/"
				if here, err = t.look(at); err != nil {
					return place{}, err
				}
			}
			rest = append(names(target), rest...)
			continue
		}
		at, here = next, step
	}
	return here, nil
}

func names(name string) []string {
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts
}

// look finds what is at a path without links.
func (t *tree) look(name string) (place, error) {
	found, rel := t.locate(name)
	p := place{fs: found, rel: rel, path: name}
	real, err := found.root.Lstat(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, cause(err)
	}
	p.info = found.describe(rel, path.Base(name), real)
	if t.device != nil && strings.HasPrefix(name, "/dev/") && real.Mode().IsRegular() {
		p.info.mode |= t.device(name)
	}
	return p, nil
}

func (f *filesystem) describe(rel, name string, real fs.FileInfo) *info {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.owners[rel]
	if !ok {
		a = attributes{Mode: uint32(real.Mode().Perm())}
	}
	mode := real.Mode().Type() | modeOf(a.Mode)
	return &info{FileInfo: real, name: name, mode: mode, uid: a.UID, gid: a.GID}
}

func (f *filesystem) mark(rel string, a attributes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owners[rel] = a
}

// forget drops the attributes of a path and of all below it.
func (f *filesystem) forget(rel string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.owners {
		if within(name, rel) {
			delete(f.owners, name)
		}
	}
}

// move takes the attributes of a path, and of all below it, to its new name.
func (f *filesystem) move(from, to string) {
	f.forget(to)
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, a := range f.owners {
		if within(name, from) {
			delete(f.owners, name)
			f.owners[to+strings.TrimPrefix(name, from)] = a
		}
	}
}

func (f *filesystem) snapshot() map[string]attributes {
	f.mu.Lock()
	defer f.mu.Unlock()
	copied := make(map[string]attributes, len(f.owners))
	for name, a := range f.owners {
		copied[name] = a
	}
	return copied
}

func (t *tree) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.system.root.Close()
	for _, m := range t.mounts {
		err = errors.Join(err, m.fs.root.Close())
	}
	t.mounts = nil
	return err
}

// as gives the tree as an account sees it.
func (t *tree) as(who account) view { return view{tree: t, who: who} }

func absolute(dir, name string) string {
	if path.IsAbs(name) {
		return name
	}
	return dir + "/" + name
}
