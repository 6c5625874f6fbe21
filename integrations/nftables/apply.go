package nftables

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

// replaceScript is the critical section; it runs under the lock. It begins only if the file and the chain are still what
// was read, checks the new file, changes the kernel in one transaction, and puts the file in place. A writer that comes too
// late is given kernel and file as they are now, so that its next attempt begins from there at once.
const replaceScript = `file=$1 temp=$2 old=$3 new=$4 seen=$5 mode=$6 family=$7 table=$8 chain=$9
shift 9
quit() { rm -f "$temp"; exit "$1"; }
now=absent
if [ -e "$file" ]; then
	now=$(sha256sum "$file") || exit 81
	now=${now%% *}
fi
listing=$(nft -s -j list chain "$family" "$table" "$chain") || exit 65
digest=$(printf '%s\n' "$listing" | sha256sum)
if [ "$now" != "$old" ] || [ "${digest%% *}" != "$seen" ]; then
	printf '%s\n' "$listing"
	if [ ! -e "$file" ]; then exit 79; fi
	cat "$file"
	exit 80
fi
if [ -e "$file" ]; then cp -p "$file" "$temp" || quit 81; fi
cat > "$temp" || quit 81
got=$(sha256sum "$temp") || quit 81
if [ "${got%% *}" != "$new" ]; then quit 82; fi
nft -c -f "$temp" || quit 83
if [ "$mode" = try ]; then quit 0; fi
if [ -n "$1" ]; then printf '%s' "$1" | nft -f - || quit 85; fi
mv -f "$temp" "$file" || quit 84
`

// The script's answers.
const (
	exitListing  = 65
	exitAbsent   = 79 // Somebody was faster, or just looked; there is no file.
	exitMoved    = 80
	exitCut      = 82
	exitRefused  = 83
	exitUnplaced = 84
	exitKernel   = 85
)

// errMoved: kernel or file are not what was read any more.
var errMoved = errors.New("kernel or file were changed by another writer")

// lookScript prints the listing, which is one line, and then the file.
const lookScript = `nft -s -j list chain "$1" "$2" "$3" || exit 65
if [ ! -e "$4" ]; then exit 79; fi
cat "$4"
`

// view is kernel and file.
type view struct {
	kernel []live
	saved  []rule
	seen   string // Digest of the listing.
	old    string // Digest of the file, or "absent".
}

func (f *Firewall) look(ctx context.Context) (view, error) {
	result, err := f.host.Run(ctx, sshx.Command{
		Script: lookScript, Args: []string{f.cfg.Family, f.cfg.Table, f.cfg.Chain, f.cfg.File}, Sudo: f.cfg.Sudo,
	})
	switch {
	case err != nil:
		return view{}, asked(err)
	case result.Exit == exitListing:
		return view{}, f.refusal(result.Text())
	case result.Exit != 0 && result.Exit != exitAbsent:
		return view{}, fault.New(fault.Unauthorized, "reading %s: %s", f.cfg.File, string(result.Stderr))
	}
	return f.readView(result, result.Exit != exitAbsent)
}

// readView reads what lookScript prints.
func (f *Firewall) readView(result sshx.Result, hasFile bool) (view, error) {
	if result.Truncated {
		return view{}, fault.New(fault.Invalid, "listing chain %s and reading %s: the answer is longer than %d bytes", f.place(), f.cfg.File, sshx.OutputLimit)
	}
	var v view
	var err error
	listing, file, _ := bytes.Cut(result.Stdout, []byte("\n"))
	if v.kernel, err = parseKernel(listing); err != nil {
		return v, fault.Wrap(fault.Unavailable, err, "listing chain "+f.place())
	}
	v.seen, v.old = digest(append(bytes.Clone(listing), '\n')), "absent"
	if hasFile {
		v.old = digest(file)
	}
	if v.saved, err = f.parseSaved(file); err != nil {
		return v, fault.New(fault.Conflict, "%s: %w", f.cfg.File, err)
	}
	return v, nil
}

// nft asks a question.
func (f *Firewall) nft(ctx context.Context, args ...string) ([]byte, error) {
	result, err := f.host.Run(ctx, sshx.Command{Argv: append([]string{"nft"}, args...), Sudo: f.cfg.Sudo})
	switch {
	case err != nil:
		return nil, asked(err)
	case result.Exit == 0 && result.Truncated:
		return nil, fault.New(fault.Invalid, "listing chain %s: the answer is longer than %d bytes", f.place(), sshx.OutputLimit)
	case result.Exit == 0:
		return result.Stdout, nil
	}
	return nil, f.refusal(result.Text())
}

// asked: a question whose answer was lost changed nothing.
func asked(err error) error {
	if fault.Is(err, fault.Ambiguous) {
		return fault.Wrap(fault.Unavailable, err, "asking the packet filter")
	}
	return err
}

func (f *Firewall) refusal(text string) error {
	switch {
	case strings.Contains(text, "ermission denied"), strings.Contains(text, "not permitted"):
		return fault.New(fault.Unauthorized, "nft refuses: %s: log in as root or set sudo", text)
	case strings.Contains(text, "No such file or directory"):
		return fault.New(fault.NotFound, "the packet filter has no chain %s (%s): add the chain and a rule that jumps to it", f.place(), text)
	case strings.Contains(text, "not found"):
		return fault.New(fault.NotFound, "the host has no nft: %s", text)
	}
	return fault.New(fault.Unavailable, "nft says: %s", text)
}

// change is what to do to a view: commands for the kernel, and the rules of the file from now on.
type change struct {
	commands []string
	saved    []rule
	needed   bool
}

const (
	races    = 200 // How often a writer begins anew because another one was faster.
	attempts = 6   // How often a lost answer is looked after.
)

// settle looks, plans and applies until there is nothing left to do.
func (f *Firewall) settle(ctx context.Context, plan func(view) (change, error)) error {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for a turn at the packet filter")
	}
	lost := 0
	v, err := f.look(ctx)
	for race := 0; race < races && err == nil; race++ {
		c, err := plan(v)
		if err != nil || !c.needed {
			return err
		}
		now, err := f.replace(ctx, v, c, "replace")
		switch {
		case errors.Is(err, errMoved) && now.seen != "":
			v = now
		case errors.Is(err, errMoved), fault.Is(err, fault.Ambiguous) && lost < attempts && ctx.Err() == nil:
			lost++
			if v, err = f.look(ctx); err != nil {
				return err
			}
		default:
			return err
		}
		if err := pause(ctx, backoff(race)); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Unavailable, "changing chain %s: other writers changed it %d times meanwhile", f.place(), races)
}

// replace carries a change out. With mode "try" it does all but the change. With errMoved it returns what is there now, if
// that is known.
func (f *Firewall) replace(ctx context.Context, v view, c change, mode string) (view, error) {
	content := f.render(c.saved)
	temp := path.Join(path.Dir(f.cfg.File), "."+path.Base(f.cfg.File)+".fermata")
	if err := ctx.Err(); err != nil {
		return view{}, fault.Wrap(fault.Unavailable, err, "changing chain "+f.place())
	}
	result, err := f.host.Run(ctx, sshx.Command{
		Script: replaceScript,
		Args: []string{
			f.cfg.File, temp, v.old, digest(content), v.seen, mode, f.cfg.Family, f.cfg.Table, f.cfg.Chain,
			strings.Join(c.commands, ""),
		},
		Stdin: bytes.NewReader(content), Sudo: f.cfg.Sudo, Lock: f.cfg.Lock,
	})
	switch {
	case err != nil:
		return view{}, fault.Wrap(fault.KindOf(err), err, "changing chain "+f.place())
	case result.Exit == exitMoved || result.Exit == exitAbsent:
		now, err := f.readView(result, result.Exit == exitMoved)
		if err != nil {
			return view{}, err
		}
		return now, errMoved
	}
	return view{}, f.verdict(result.Exit, strings.ReplaceAll(result.Text(), temp, f.cfg.File))
}

func (f *Firewall) verdict(exit int, text string) error {
	switch {
	case exit == 0:
		return nil
	case exit == exitListing:
		return f.refusal(text)
	case exit == exitCut:
		return fault.New(fault.Unavailable, "writing %s: the content did not arrive whole; nothing was changed", f.cfg.File)
	case exit == exitRefused:
		return fault.New(fault.Conflict, "writing %s: nft -c refuses it, nothing was changed: %s", f.cfg.File, text)
	case exit == exitKernel && strings.Contains(text, "No such file or directory"):
		return errMoved // A handle or the chain went away at the last moment.
	case strings.Contains(text, "ermission denied"), strings.Contains(text, "not permitted"):
		return fault.New(fault.Unauthorized, "changing chain %s and %s: %s: log in as root or set sudo", f.place(), f.cfg.File, text)
	case exit == exitUnplaced:
		return fault.New(fault.Unavailable, "saving %s: %s; the rules are in force and not saved yet", f.cfg.File, text)
	}
	return fault.New(fault.Unavailable, "writing %s (%d): %s; nothing was changed", f.cfg.File, exit, text)
}

// backoff spreads writers: the longer the contest, the fewer take part at a time.
func backoff(race int) time.Duration {
	return rand.N(min(time.Duration(race+1)*20*time.Millisecond, 500*time.Millisecond)) //nolint:gosec // No secret.
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

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
