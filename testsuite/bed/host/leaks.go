package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// mark is in the environment of every daemon and of what it starts, so that a process is known to be ours also after its
// parent has died.
var mark = "FERMATA_BED=" + Name("run") //nolint:gochecknoglobals // It names this process.

// Main prepares what a package's tests build on, runs them, and then looks for what they left on the machine. It returns the
// exit code:
//
//	func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(network.Packages), built)) }
//
// Where no test is to run (-run '^$'), everything is prepared.
func Main(m *testing.M, steps ...func(context.Context) error) int {
	if Able() != nil {
		return m.Run() // Require says so in every test.
	}
	ctx := context.Background()
	if err := prepare(ctx, steps); err != nil {
		Progress("preparing the test bed: %v", err)
		return 1
	}
	before := shared(ctx)
	code := m.Run()
	left := Leaks()
	for what, text := range shared(ctx) {
		if text != before[what] {
			left = append(left, fmt.Sprintf("%s changed:\nbefore:\n%s\nafter:\n%s", what, before[what], text))
		}
	}
	for _, leak := range left {
		Progress("left behind: %s", leak)
	}
	if len(left) > 0 && code == 0 {
		return 1
	}
	return code
}

// shared describes what all beds and the machine share and none may change.
func shared(ctx context.Context) map[string]string {
	state := map[string]string{}
	for what, command := range map[string][]string{
		"links":       {"ip", "-o", "-brief", "link"},
		"addresses":   {"ip", "-o", "-brief", "address"},
		"routes":      {"ip", "-o", "route", "show", "table", "all"},
		"rules":       {"ip", "rule"},
		"nft's rules": {"nft", "list", "ruleset"},
	} {
		program, err := find(command[0])
		if err != nil {
			continue // Not installed before: what it would show was empty.
		}
		out, err := exec.CommandContext(ctx, program, command[1:]...).Output() //nolint:gosec // A fixed list.
		if err == nil {
			state[what] = string(out)
		}
	}
	if policyLeft() {
		state["policy of service starts"] = "ours is still there"
	}
	return state
}

// policyLeft reports whether our policy is in place though nobody is installing: another bed may be.
func policyLeft() bool {
	lock := flock.New(installLock)
	if free, err := lock.TryLock(); err != nil || !free {
		return false
	}
	defer func() { _ = lock.Unlock() }()
	data, err := os.ReadFile(policyFile)
	return err == nil && string(data) == policy
}

// Leaks lists what this process made on the machine and what is still there: processes, network namespaces, mounts, loop
// devices and folders. Processes get some seconds to end.
func Leaks() []string { return leaks(3 * time.Second) }

func leaks(patience time.Duration) []string {
	var left []string
	deadline := time.Now().Add(patience)
	for left = processes(); len(left) > 0 && time.Now().Before(deadline); left = processes() {
		time.Sleep(50 * time.Millisecond) // There is nobody to wait for: they are not our children.
	}
	namespaces, _ := filepath.Glob("/run/netns/" + Name("*"))
	for _, path := range namespaces {
		left = append(left, "namespace "+path)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, folderPrefix) {
			left = append(left, "mount "+strings.TrimSpace(line))
		}
	}
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, path := range loops {
		if file, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(file), folderPrefix) {
			left = append(left, "loop device "+path+" of "+strings.TrimSpace(string(file)))
		}
	}
	folders, _ := filepath.Glob(folderPrefix + "*")
	for _, path := range folders {
		left = append(left, "folder "+path)
	}
	return left
}

// processes lists those that are ours: they carry our mark, name a folder of ours, or are our children.
func processes() []string {
	var left []string
	for _, pid := range pids() {
		if pid != os.Getpid() && ours(pid) {
			left = append(left, fmt.Sprintf("process %d: %s", pid, commandLine(pid)))
		}
	}
	return left
}

// KillLeft kills what is still running of ours, for whoever tears down a bed whose daemons start others.
func KillLeft() {
	for _, pid := range pids() {
		if pid != os.Getpid() && ours(pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func ours(pid int) bool {
	folder := "/proc/" + strconv.Itoa(pid)
	environ, _ := os.ReadFile(folder + "/environ")
	if slices.Contains(strings.Split(string(environ), "\x00"), mark) || strings.Contains(commandLine(pid), folderPrefix) {
		return true
	}
	stat, err := os.ReadFile(folder + "/stat")
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ") // "pid (name) state ppid ...": a name may hold blanks.
	fields := strings.Fields(after)
	return len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid())
}

func commandLine(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
}

func pids() []int {
	entries, _ := os.ReadDir("/proc")
	var list []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			list = append(list, pid)
		}
	}
	return list
}
