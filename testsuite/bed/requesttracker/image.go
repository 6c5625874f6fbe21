package requesttracker

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"fermata/testsuite/bed/host"
)

// Desks is the number of users fermata-NN and person-NN, from 01 on. A test that takes a pair of its own tells its tickets
// from others' by who opened them.
const Desks = 48

//go:embed site.pm
var site []byte

//go:embed bed.initialdata
var bedData []byte

const (
	databaseFile = "tickets.sqlite"
	tokensFile   = "tokens"
	siteFile     = "site.pm"
)

// Prepare is a step of host.Main that sets the database up, from the path of integrations/requesttracker/initialdata.
func Prepare(initialdata string) func(context.Context) error {
	return func(ctx context.Context) error {
		path, err := filepath.Abs(initialdata)
		if err == nil {
			_, err = prepare(ctx, path)
		}
		if err != nil {
			return fmt.Errorf("preparing Request Tracker: %w", err)
		}
		return nil
	}
}

// prepare returns the folder of a database that is set up. Making it takes some seconds; it is kept between runs.
func prepare(ctx context.Context, initialdata string) (string, error) {
	key, err := imageKey(ctx, initialdata)
	if err != nil {
		return "", err
	}
	cache, err := host.Cache("requesttracker")
	if err != nil {
		return "", err
	}
	image := filepath.Join(cache, key)
	if _, err := os.Stat(image); err == nil {
		return image, nil
	}
	work, err := os.MkdirTemp(cache, "unfinished-")
	if err != nil {
		return "", fmt.Errorf("making a folder for the image: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := build(ctx, work, initialdata); err != nil {
		return "", err
	}
	// The rename puts a whole image in place or none. Somebody else may have been faster.
	if err := os.Rename(work, image); err != nil {
		if _, missing := os.Stat(image); missing != nil {
			return "", fmt.Errorf("putting the image in place: %w", err)
		}
	}
	return image, nil
}

// imageKey changes with all that an image is made from.
func imageKey(ctx context.Context, initialdata string) (string, error) {
	data, err := os.ReadFile(initialdata)
	if err != nil {
		return "", fmt.Errorf("reading what Fermata needs in Request Tracker: %w", err)
	}
	version, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", "request-tracker5").Output()
	if err != nil {
		return "", fmt.Errorf("asking for the version of Request Tracker: %w", err)
	}
	sum := sha256.New()
	for _, part := range [][]byte{version, site, bedData, data, []byte(strconv.Itoa(Desks))} {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func build(ctx context.Context, folder, initialdata string) error {
	bed := filepath.Join(folder, "bed.initialdata")
	for path, data := range map[string][]byte{filepath.Join(folder, siteFile): site, bed: bedData} {
		if err := os.WriteFile(path, data, 0o644); err != nil { //nolint:gosec // The server's account reads it.
			return fmt.Errorf("writing Request Tracker's configuration: %w", err)
		}
	}
	for _, args := range [][]string{
		{"rt-setup-database-5", "--action", "init", "--skip-create"},
		{"rt-setup-database-5", "--action", "insert", "--skip-create", "--datafile", initialdata},
		{"rt-setup-database-5", "--action", "insert", "--skip-create", "--datafile", bed},
		// Readers do not hold up writers then; the file remembers it.
		{"sqlite3", filepath.Join(folder, databaseFile), "PRAGMA journal_mode=WAL"},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // A fixed list.
		cmd.Env = append(environment(folder, "127.0.0.1", "80"), "FERMATA_RT_DESKS="+strconv.Itoa(Desks), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "LC_ALL=C.UTF-8")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// environment points Request Tracker to its configuration, and the configuration to its folder.
func environment(folder, address, port string) []string {
	return []string{
		"RT_SITE_CONFIG=" + filepath.Join(folder, siteFile),
		"RT_SITE_CONFIG_DIR=" + filepath.Join(folder, "none"), // Else Debian's would be read too.
		"FERMATA_RT=" + folder, "FERMATA_RT_HOST=" + address, "FERMATA_RT_PORT=" + port,
	}
}
