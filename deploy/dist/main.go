// dist makes what is given to others: static programs in reproducible archives, Debian packages, bills of materials, sums.
//
// Everything in an archive has the time of the commit, and the same owner and order: the same commit and toolchain make the
// same bytes. It is started by `make dist`, in the repository's folder.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// release is what is being made.
type release struct {
	version string // v1.2.3; without a tag: v0.0.0-TIME-COMMIT, as the go command says it.
	commit  string
	time    time.Time // Of the commit.
	out     string    // Folder that all goes to.
	stage   string    // Folder for what is not given to others.
	tools   string    // Folder of nfpm and cyclonedx-gomod.
	trim    bool
}

// platform is a system that programs are built for.
type platform struct{ os, arch string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var r release
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	flags.StringVar(&r.out, "out", "dist", "folder for what is made; what is in it is removed")
	flags.StringVar(&r.tools, "tools", "bin/tools", "folder of nfpm and cyclonedx-gomod")
	flags.BoolVar(&r.trim, "trimpath", true, "leave this machine's paths out; without, the programs share what tests have compiled")
	platforms := flags.String("platforms", "linux/amd64", "systems to build for, between spaces")
	programs := flags.String("programs", "fermata fermata-worker", "programs for linux, between spaces; others have fermata alone")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := r.identify(ctx); err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(r.stage) }()
	for _, name := range strings.Fields(*platforms) {
		system, arch, found := strings.Cut(name, "/")
		if !found {
			return fmt.Errorf("--platforms: expected os/arch such as linux/amd64, found %q", name)
		}
		p := platform{system, arch}
		if err := r.make(ctx, p, p.programs(strings.Fields(*programs))); err != nil {
			return err
		}
	}
	return r.sum()
}

// programs are those that a system gets: workers and Temporal run on Linux.
func (p platform) programs(all []string) []string {
	if p.os == "linux" {
		return all
	}
	return []string{"fermata"}
}

func (r *release) prepare() error {
	if err := os.RemoveAll(r.out); err != nil {
		return fmt.Errorf("emptying %s: %w", r.out, err)
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil { //nolint:gosec // It is given to others.
		return fmt.Errorf("making %s: %w", r.out, err)
	}
	var err error
	r.stage, err = os.MkdirTemp("", "fermata-dist-")
	return err
}

// make builds, packs and describes the programs of one system.
func (r *release) make(ctx context.Context, p platform, programs []string) error {
	folder := filepath.Join(r.stage, p.os+"-"+p.arch)
	for _, program := range programs {
		began := time.Now()
		if err := r.build(ctx, p, program, filepath.Join(folder, program)); err != nil {
			return err
		}
		fmt.Printf("built %s for %s/%s in %s\n", program, p.os, p.arch, time.Since(began).Round(time.Second))
		bom := filepath.Join(r.out, fmt.Sprintf("%s_%s_%s_%s.cdx.json", program, r.number(), p.os, p.arch))
		if err := r.describe(ctx, filepath.Join(folder, program), bom); err != nil {
			return err
		}
	}
	if err := r.archive(p, folder, programs); err != nil {
		return err
	}
	if p.os != "linux" {
		return nil
	}
	return r.debs(ctx, p, folder, programs)
}

// number is the version as files have it.
func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }
