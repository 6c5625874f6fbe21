package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	policyFile = "/usr/sbin/policy-rc.d"
	// aside keeps the machine's own policy while ours is in place, also over a killed run.
	aside = policyFile + ".fermata-bed"
	// policy forbids every start of a service; invoke-rc.d documents 101 as "action forbidden by policy".
	policy = "#!/bin/sh\n# Written by Fermata's test bed while it installs packages.\nexit 101\n"
	// installLock keeps two beds from changing the policy under each other.
	installLock = "/run/lock/fermata-bed-install"
)

// installing keeps one process's installations apart; the file lock does it between processes.
var installing sync.Mutex //nolint:gochecknoglobals // There is one package database.

// Install installs those of the packages that are missing, without their recommendations. No service starts by it.
func Install(ctx context.Context, packages ...string) (err error) {
	installing.Lock()
	defer installing.Unlock()
	missing := missingOf(ctx, packages)
	if len(missing) == 0 {
		return nil
	}
	lock := flock.New(installLock)
	if _, err := lock.TryLockContext(ctx, time.Second); err != nil {
		return fmt.Errorf("waiting for another installation: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if missing = missingOf(ctx, packages); len(missing) == 0 {
		return nil
	}
	if err := forbidStarts(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, putBackPolicy()) }()
	Progress("installing %s", strings.Join(missing, " "))
	begin := time.Now()
	if err := aptInstall(ctx, missing); err != nil {
		return err
	}
	Progress("installed in %s", time.Since(begin).Round(time.Second))
	return nil
}

func aptInstall(ctx context.Context, packages []string) error {
	lists, _ := filepath.Glob("/var/lib/apt/lists/*_Packages*")
	if len(lists) > 0 {
		out, err := apt(ctx, append([]string{"install"}, packages...)...)
		switch {
		case err == nil:
			return nil
		case fresh() && strings.Contains(out, "Unable to locate package"): // Not even the newest lists know it.
			return fmt.Errorf("installing %s: %w\n%s", strings.Join(packages, " "), err, tail(out, 20))
		}
	}
	// The lists are missing or older than what the mirror still holds.
	if out, err := apt(ctx, "update"); err != nil {
		return fmt.Errorf("updating the lists of packages: %w\n%s", err, tail(out, 20))
	}
	if out, err := apt(ctx, append([]string{"install"}, packages...)...); err != nil {
		return fmt.Errorf("installing %s: %w\n%s", strings.Join(packages, " "), err, tail(out, 20))
	}
	return nil
}

// fresh reports whether the lists were updated within the hour: each update leaves its traces in that folder.
func fresh() bool {
	info, err := os.Stat("/var/lib/apt/lists/partial")
	return err == nil && time.Since(info.ModTime()) < time.Hour
}

func apt(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"}, args...)
	cmd := exec.CommandContext(ctx, "apt-get", args...) //nolint:gosec // Names of packages come from the bed itself.
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "PATH="+searchPath)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// missingOf asks dpkg which packages are not installed whole.
func missingOf(ctx context.Context, packages []string) []string {
	var missing []string
	for _, name := range packages {
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${db:Status-Status}", name).Output() //nolint:gosec // As above.
		if err != nil || string(out) != "installed" {
			missing = append(missing, name)
		}
	}
	return missing
}

// forbidStarts puts a policy in place under which nothing starts.
func forbidStarts() error {
	before, err := os.ReadFile(policyFile)
	had := err == nil
	switch {
	case had && string(before) == policy: // A killed run left it: the machine's own is aside, if it had one.
	case had:
		err = os.Rename(policyFile, aside)
	case errors.Is(err, os.ErrNotExist):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("putting %s aside: %w", policyFile, err)
	}
	if err := os.WriteFile(policyFile, []byte(policy), 0o755); err != nil { //nolint:gosec // It has to be executable.
		return errors.Join(fmt.Errorf("writing %s: %w", policyFile, err), putBackPolicy())
	}
	return nil
}

// putBackPolicy puts the machine's own policy back, or takes ours away where there was none.
func putBackPolicy() error {
	err := os.Rename(aside, policyFile)
	if now, _ := os.ReadFile(policyFile); errors.Is(err, os.ErrNotExist) && string(now) == policy {
		err = os.Remove(policyFile)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("putting %s back: %w", policyFile, err)
	}
	return nil
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
