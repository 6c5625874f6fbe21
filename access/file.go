package access

import (
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// File is a file of roles that is read again when it changes: a grant that is taken out of it stops counting within a second,
// without a restart. It is safe for concurrent use.
type File struct {
	path   string
	report func(error)
	mu     sync.Mutex
	seen   os.FileInfo
	all    Grants
	next   time.Time
}

// look is how often it is asked at most whether the file has changed.
const look = time.Second

// Open reads the file, which must be there and right. What is wrong with it later is told to report; until it is right again,
// what was granted before still counts: a slip of the pen must not stop every run.
func Open(path string, report func(error)) (*File, error) {
	f := &File{path: path, report: report, next: time.Now().Add(look)}
	return f, f.read()
}

func (f *File) read() error {
	seen, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("reading the roles: %w", err)
	}
	if f.seen != nil && os.SameFile(seen, f.seen) && seen.ModTime().Equal(f.seen.ModTime()) && seen.Size() == f.seen.Size() {
		return nil
	}
	all, err := Load(f.path)
	if err != nil {
		return fmt.Errorf("reading the roles again: %w", err)
	}
	f.seen, f.all = seen, all
	return nil
}

// Of returns what is granted to a certificate, which TLS has verified.
func (f *File) Of(c *x509.Certificate) (Grant, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.After(f.next) {
		f.next = now.Add(look)
		if err := f.read(); err != nil {
			f.report(err)
		}
	}
	return f.all.Of(c)
}
