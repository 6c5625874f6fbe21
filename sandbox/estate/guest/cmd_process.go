package guest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// processCommands run other commands, and show what runs.
func processCommands() map[string]Command {
	return map[string]Command{
		"sudo": sudo, "runuser": runuser, "env": env, "nohup": nohup, "timeout": timeout, "flock": flock, "xargs": xargs, "ps": ps, "kill": func(_ context.Context, c Call) int { return kill(c) },
		"sleep": sleep, "journalctl": journalctl, "pgrep": pgrep, "pkill": pkill,
	}
}

func env(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "+i ignore-environment u: unset:")
	if err != nil {
		return c.usage(125, err)
	}
	vars := map[string]string{}
	if !f.has("i", "ignore-environment") {
		vars = maps.Clone(c.Env)
	}
	for _, name := range append(f.values["u"], f.values["unset"]...) {
		delete(vars, name)
	}
	rest := f.args
	for len(rest) > 0 && strings.Contains(rest[0], "=") {
		key, value, _ := strings.Cut(rest[0], "=")
		vars[key], rest = value, rest[1:]
	}
	if len(rest) == 0 {
		for _, key := range slices.Sorted(maps.Keys(vars)) {
			c.Print("%s=%s\n", key, vars[key])
		}
		return 0
	}
	if _, set := vars["PATH"]; !set {
		c.Env = map[string]string{"PATH": securePath}
	}
	search := c
	search.Env = vars
	if _, set := vars["PATH"]; !set {
		search.Env = maps.Clone(vars)
		search.Env["PATH"] = "/usr/bin:/bin"
	}
	return c.wrapped(ctx, search, rest)
}

// wrapped runs a command for env, nohup, timeout and xargs, with their exit codes.
func (c Call) wrapped(ctx context.Context, inner Call, args []string) int {
	exit, why := inner.spawn(ctx, args)
	switch why {
	case 0:
		return exit
	case codeNotFound:
		return c.Fail(127, "‘%s’: No such file or directory", args[0])
	}
	return c.Fail(126, "‘%s’: Permission denied", args[0])
}

func nohup(ctx context.Context, c Call) int {
	if len(c.Args) < 2 {
		return c.missing(125)
	}
	return c.wrapped(ctx, c, c.Args[1:])
}

func timeout(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "+k: kill-after: s: signal: preserve-status foreground")
	if err != nil {
		return c.usage(125, err)
	}
	if len(f.args) < 2 {
		return c.missing(125)
	}
	limit, err := parseDuration(f.args[0])
	if err != nil {
		return c.Fail(125, "invalid time interval ‘%s’", f.args[0])
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	code := c.wrapped(inner, c, f.args[1:])
	if inner.Err() != nil && ctx.Err() == nil {
		return 124
	}
	return code
}

func parseDuration(text string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 && n < 1e9 {
		return time.Duration(n * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(strings.Replace(text, "d", "h", 1))
	if strings.HasSuffix(text, "d") {
		d *= 24
	}
	if err != nil || d < 0 {
		return 0, fmt.Errorf("reading duration %q", text)
	}
	return d, nil
}

func sleep(ctx context.Context, c Call) int {
	if len(c.Args) != 2 {
		return c.missing(1)
	}
	d, err := parseDuration(c.Args[1])
	if err != nil {
		return c.Fail(1, "invalid time interval ‘%s’", c.Args[1])
	}
	select {
	case <-time.After(d):
		return 0
	case <-ctx.Done():
		return 143
	}
}

func xargs(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "+r no-run-if-empty 0 null n: max-args: d:")
	if err != nil {
		return c.usage(1, err)
	}
	data, err := io.ReadAll(c.Stdin)
	if err != nil {
		return c.Fail(1, "%s", reason(err))
	}
	words := strings.Fields(string(data))
	if f.has("0", "null") {
		words = strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	}
	if len(words) == 0 && f.has("r", "no-run-if-empty") {
		return 0
	}
	command := f.args
	if len(command) == 0 {
		command = []string{"echo"}
	}
	n, err := strconv.Atoi(f.value("n", "max-args"))
	if err != nil || n < 1 {
		n = max(len(words), 1)
	}
	c.Stdin = strings.NewReader("")
	code := 0
	for part := range slices.Chunk(append(words, make([]string, 0)...), n) {
		if c.wrapped(ctx, c, append(slices.Clone(command), part...)) != 0 {
			code = 123
		}
	}
	return code
}

// lockTable holds the locks of flock(1): real mutual exclusion between the sessions of a machine.
type lockTable struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// take waits for a lock; a nil answer: not got within the limit (negative: without limit).
func (t *lockTable) take(ctx context.Context, key string, limit time.Duration) func() {
	t.mu.Lock()
	if t.held == nil {
		t.held = map[string]chan struct{}{}
	}
	slot := t.held[key]
	if slot == nil {
		slot = make(chan struct{}, 1)
		t.held[key] = slot
	}
	t.mu.Unlock()
	release := func() { <-slot }
	select {
	case slot <- struct{}{}:
		return release
	default:
	}
	var expired <-chan time.Time
	if limit >= 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case slot <- struct{}{}:
		return release
	case <-expired:
	case <-ctx.Done():
	}
	return nil
}

func flock(ctx context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "+w: wait: timeout: n nb nonblock E: conflict-exit-code: x e exclusive o close F no-fork c: command: u v verbose")
	if err != nil {
		return c.usage(64, err)
	}
	if f.has("u") || len(f.args) == 0 {
		return c.Fail(64, "requires a file and a command")
	}
	args := f.args[1:]
	if len(args) > 1 && args[0] == "-c" {
		args = []string{"sh", "-c", args[1]}
	}
	if len(args) == 0 {
		return c.Fail(64, "bad file descriptor: '%s'", f.args[0])
	}
	conflict, err := strconv.Atoi(cmpOr(f.value("E", "conflict-exit-code"), "1"))
	if err != nil || conflict < 0 || conflict > 255 {
		return c.Fail(64, "exit code out of range (expected 0 to 255)")
	}
	limit := time.Duration(-1)
	if text := f.value("w", "wait", "timeout"); text != "" {
		if limit, err = parseDuration(text); err != nil {
			return c.Fail(64, "invalid timeout value: '%s'", text)
		}
	}
	if f.has("n", "nb", "nonblock") {
		limit = 0
	}
	key, err := c.lockFile(f.args[0])
	if err != nil {
		return c.Fail(66, "cannot open lock file %s: %s", f.args[0], reason(err))
	}
	release := c.Machine.locks.take(ctx, key, limit)
	if release == nil {
		return conflict
	}
	defer release()
	exit, why := c.spawn(ctx, args)
	if why != 0 {
		return c.Fail(69, "failed to execute %s: No such file or directory", args[0])
	}
	return exit
}

// lockFile opens the file that a lock hangs on, as flock does, and answers its name without links.
func (c Call) lockFile(name string) (string, error) {
	v, at := c.files(), c.Path(name)
	if i, err := v.stat(at); err != nil || !i.IsDir() {
		opened, err := v.open(at, os.O_RDONLY|os.O_CREATE, 0o666&^c.umask)
		if err != nil {
			return "", err
		}
		if err := opened.Close(); err != nil {
			return "", fmt.Errorf("closing the lock file: %w", err)
		}
	}
	p, err := v.find("open", at, true)
	return p.path, err
}

func cmpOr(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func ps(_ context.Context, c Call) int {
	c.Print("USER         PID START COMMAND\n")
	for _, p := range c.Machine.processes.list() {
		c.Print("%-10s %5d %s %s\n", p.user, p.pid, p.started.UTC().Format("15:04"), strings.Join(p.args, " "))
	}
	return 0
}

// kill knows -0 only: whether a process is there.
func kill(c Call) int {
	args := c.Args[1:]
	if len(args) == 0 {
		return c.Fail(2, "usage: kill [-s sigspec | -signum] pid")
	}
	probe := args[0] == "-0"
	if strings.HasPrefix(args[0], "-") {
		args = args[1:]
	}
	code := 0
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		known := slices.ContainsFunc(c.Machine.processes.list(), func(p process) bool { return p.pid == pid })
		switch {
		case err != nil || !known:
			code = c.Fail(1, "(%s) - No such process", arg)
		case !probe:
			code = c.Fail(1, "(%s) - Operation not permitted", arg)
		}
	}
	return code
}

func journalctl(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "u: unit: n: lines: no-pager o: output: b r e x q quiet since:")
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	entries := c.Machine.journal.of(unitName(f.value("u", "unit")))
	if n, err := strconv.Atoi(f.value("n", "lines")); err == nil && n >= 0 && n < len(entries) {
		entries = entries[len(entries)-n:]
	}
	if len(entries) == 0 {
		c.Print("-- No entries --\n")
	}
	for _, e := range entries {
		if f.value("o", "output") == "cat" {
			c.Print("%s\n", e.text)
			continue
		}
		c.Print("%s %s %s: %s\n", e.at.UTC().Format("Jan 02 15:04:05"), c.Machine.Hostname(), e.unit, e.text)
	}
	return 0
}
