package haproxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"path"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

// replaceScript is the critical section. It runs under the lock; it puts the new file in place only if the old one is
// still the one that was read, all of the new one has arrived, and HAProxy accepts it. Behind $5 stand the arguments of
// the check, in which the temporary file takes the place of the real one. A writer that comes too late is given the file as
// it is now, so that its next attempt begins from there at once.
const replaceScript = `file=$1 temp=$2 old=$3 new=$4 mode=$5
shift 5
quit() { rm -f "$temp"; exit "$1"; }
now=$(sha256sum "$file") || exit 66
if [ "${now%% *}" != "$old" ]; then cat "$file"; exit 80; fi
cp -p "$file" "$temp" || quit 81
cat > "$temp" || quit 81
got=$(sha256sum "$temp") || quit 81
if [ "${got%% *}" != "$new" ]; then quit 82; fi
haproxy -c "$@" >&2 || quit 83
if [ "$mode" = try ]; then quit 0; fi
mv -f "$temp" "$file" || quit 84
`

// The script's answers.
const (
	exitMissing  = 66
	exitMoved    = 80
	exitUnwrit   = 81
	exitCut      = 82
	exitRefused  = 83
	exitUnplaced = 84
)

// errMoved: the file is not the one that was read any more.
var errMoved = errors.New("the file was changed by another writer")

// read returns the file.
func (b *Balancer) read(ctx context.Context) ([]byte, error) {
	result, err := b.host.Run(ctx, sshx.Command{
		Script: `if [ ! -e "$1" ]; then exit 66; fi; cat "$1"`, Args: []string{b.cfg.File}, Sudo: b.cfg.Sudo,
	})
	switch {
	case fault.Is(err, fault.Ambiguous): // Reading changes nothing.
		return nil, fault.Wrap(fault.Unavailable, err, "reading "+b.cfg.File)
	case err != nil:
		return nil, fault.Wrap(fault.KindOf(err), err, "reading "+b.cfg.File)
	case result.Exit == exitMissing:
		return nil, fault.New(fault.NotFound, "reading %s: there is no such file on the balancer", b.cfg.File)
	case result.Exit != 0:
		return nil, fault.New(fault.Unauthorized, "reading %s: %s", b.cfg.File, result.Text())
	case result.Truncated:
		return nil, fault.New(fault.Invalid, "reading %s: it is longer than %d bytes", b.cfg.File, sshx.OutputLimit)
	}
	return result.Stdout, nil
}

// document reads the file and finds its blocks. Conflict: somebody's change to it makes no sense of a block.
func (b *Balancer) document(ctx context.Context) (*document, []byte, error) {
	data, err := b.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, err := b.parse(data)
	return d, data, err
}

func (b *Balancer) parse(data []byte) (*document, error) {
	d, err := readDocument(data)
	if err != nil {
		return nil, fault.New(fault.Conflict, "%s: %w", b.cfg.File, err)
	}
	return d, nil
}

// races is how often a writer that found the file changed under it begins anew.
const races = 200

// change edits the file: read, edit, replace if it is still what was read; else again. edit reports whether it changed
// anything; its error ends the attempt.
func (b *Balancer) change(ctx context.Context, edit func(*document) (bool, error)) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for a turn at "+b.cfg.File)
	}
	old, err := b.read(ctx)
	for race := 0; race < races && err == nil; race++ {
		d, err := b.parse(old)
		if err != nil {
			return err
		}
		changed, err := edit(d)
		if err != nil || !changed {
			return err
		}
		old, err = b.replace(ctx, old, d.bytes(), "replace")
		if !errors.Is(err, errMoved) {
			return err
		}
		if err := pause(ctx, backoff(race)); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Unavailable, "changing %s: other writers changed it %d times meanwhile", b.cfg.File, races)
}

// replace puts the new content in place of the old. With mode "try" it does all but the renaming. With errMoved it returns
// the file as it is now.
func (b *Balancer) replace(ctx context.Context, old, content []byte, mode string) ([]byte, error) {
	temp := path.Join(path.Dir(b.cfg.File), "."+path.Base(b.cfg.File)+".fermata")
	args := []string{b.cfg.File, temp, digest(old), digest(content), mode}
	for _, file := range b.cfg.Files {
		if file == b.cfg.File {
			file = temp
		}
		args = append(args, "-f", file)
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "writing "+b.cfg.File)
	}
	result, err := b.host.Run(ctx, sshx.Command{
		Script: replaceScript, Args: args, Stdin: bytes.NewReader(content), Sudo: b.cfg.Sudo, Lock: b.cfg.Lock,
	})
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "writing "+b.cfg.File)
	}
	return result.Stdout, b.verdict(result, strings.ReplaceAll(result.Text(), temp, b.cfg.File))
}

func (b *Balancer) verdict(result sshx.Result, text string) error {
	switch result.Exit {
	case 0:
		return nil
	case exitMoved:
		if result.Truncated {
			return fault.New(fault.Invalid, "reading %s: it is longer than %d bytes", b.cfg.File, sshx.OutputLimit)
		}
		return errMoved
	case exitMissing:
		return fault.New(fault.NotFound, "writing %s: there is no such file on the balancer any more", b.cfg.File)
	case exitCut:
		return fault.New(fault.Unavailable, "writing %s: the content did not arrive whole; nothing was changed", b.cfg.File)
	case exitRefused:
		return fault.New(fault.Conflict, "writing %s: haproxy -c refuses it, nothing was changed; mend the file: %s", b.cfg.File, text)
	}
	if strings.Contains(text, "ermission denied") {
		return fault.New(fault.Unauthorized, "writing %s: %s: the account needs to write the file and its folder", b.cfg.File, text)
	}
	return fault.New(fault.Unavailable, "writing %s (%d): %s; nothing was changed", b.cfg.File, result.Exit, text)
}

// backoff spreads writers: the longer the contest, the fewer take part at a time.
func backoff(race int) time.Duration {
	return rand.N(min(time.Duration(race+1)*20*time.Millisecond, 500*time.Millisecond)) //nolint:gosec // No secret.
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// pause waits; Unavailable if ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting")
	}
}
