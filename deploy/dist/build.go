package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// identify asks git what is being built.
func (r *release) identify(ctx context.Context) error {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", args...).Output() //nolint:gosec // Our own arguments.
		var refused *exec.ExitError
		if errors.As(err, &refused) {
			err = fmt.Errorf("%w: %s", err, refused.Stderr)
		}
		return strings.TrimSpace(string(out)), err
	}
	var err error
	if r.commit, err = git("rev-parse", "HEAD"); err != nil {
		return fmt.Errorf("asking git for the commit: %w", err)
	}
	seconds, err := git("log", "-1", "--format=%ct")
	if err != nil {
		return fmt.Errorf("asking git for the commit's time: %w", err)
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("reading the commit's time: %w", err)
	}
	r.time = time.Unix(unix, 0).UTC()
	if r.version, err = git("describe", "--tags", "--exact-match", "--match", "v*"); err != nil { // No tag.
		r.version = fmt.Sprintf("v0.0.0-%s-%s", r.time.Format("20060102150405"), r.commit[:12])
	}
	changes, err := git("status", "--porcelain")
	if err != nil {
		return fmt.Errorf("asking git for changes: %w", err)
	}
	if changes != "" {
		r.version += "-modified"
	}
	return nil
}

// build compiles one program, static and without what only a debugger reads.
func (r *release) build(ctx context.Context, p platform, program, path string) error {
	args := []string{
		"build", "-buildvcs=false", "-ldflags", fmt.Sprintf("-s -w -X fermata/build.version=%s -X fermata/build.commit=%s", r.version, r.commit), "-o", path,
	}
	if r.trim {
		args = append(args, "-trimpath")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/"+program)...) //nolint:gosec // Our own arguments.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s for %s/%s: %w\n%s", program, p.os, p.arch, err, out)
	}
	return nil
}

// describe writes the program's bill of materials, CycloneDX as JSON: the modules and the standard library that are in it.
func (r *release) describe(ctx context.Context, program, path string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(r.tools, "cyclonedx-gomod"), "bin", "-json", "-std", "-noserial", "-notimestamp", "-version", r.version, "-output", path, program) //nolint:gosec // Our own arguments.
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("describing %s: %w\n%s", filepath.Base(program), err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var bom struct{ Components []struct{ Name string } }
	if err := json.Unmarshal(data, &bom); err != nil || len(bom.Components) == 0 {
		return fmt.Errorf("describing %s: there is nothing in it (%w)", filepath.Base(program), err)
	}
	return nil
}
