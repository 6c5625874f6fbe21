// Package host lets tests use real daemons of this machine: it installs Debian packages, starts daemons as children of the
// test process, and finds out what was left behind.
//
// It needs root on Debian. Daemons run in the foreground in process groups of their own and die with the test process;
// nothing is started by an installation; the machine looks afterwards as it did before, apart from the packages.
package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Require lets a test go on only where the bed can be built. With CI=true it fails elsewhere, else it skips and says why.
func Require(t testing.TB) {
	t.Helper()
	err := Able()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("CI=true and the test bed cannot run: %v", err)
	default:
		t.Skipf("the test bed cannot run: %v", err)
	}
}

// Able says what this machine lacks to carry the bed; nil: nothing.
func Able() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("it needs Debian, this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("it needs root, for packages, network namespaces and daemons")
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return errors.New("it needs Debian, /etc/debian_version is not there")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("it needs apt-get")
	}
	return nil
}

// Cache returns the folder of a prepared image, outside the repository; it is made if it is not there. FERMATA_BED_CACHE
// names another place than the user's cache folder.
func Cache(name string) (string, error) {
	base := os.Getenv("FERMATA_BED_CACHE")
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding a place for prepared images (FERMATA_BED_CACHE names one): %w", err)
		}
		base = filepath.Join(user, "fermata-bed")
	}
	folder := filepath.Join(base, name)
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // Daemons of other accounts read prepared images.
		return "", fmt.Errorf("making the folder of prepared images: %w", err)
	}
	return folder, nil
}

// folderPrefix starts the path of every folder that Folder makes, so that the leak check knows them.
var folderPrefix = filepath.Join(os.TempDir(), Name("")) //nolint:gochecknoglobals // It names this process.

// Folder makes a folder that daemons of any account may enter, with a path short enough for sockets. It is removed when
// the test ends.
func Folder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", filepath.Base(folderPrefix))
	if err != nil {
		t.Fatalf("making a folder for daemons: %v", err)
	}
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // Daemons give up root.
		t.Fatalf("opening %s to daemons: %v", folder, err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Errorf("removing %s: %v", folder, err)
		}
	})
	return folder
}

// Name is the name of something that this test process makes on the machine, a namespace say. It holds the process's id:
// several beds can stand side by side, and what a killed one left can be told from what is in use.
func Name(part string) string { return fmt.Sprintf("fermata-%d-%s", os.Getpid(), part) }

// Progress tells the person who waits what takes so long. It goes to the terminal at once, where test output would be
// held back until the package is done.
func Progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bed: "+strings.TrimSuffix(format, "\n")+"\n", args...)
}
