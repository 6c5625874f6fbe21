package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// beside are the files of the repository that stand beside the programs in an archive.
func beside(system string) []string {
	if system != "linux" {
		return []string{"LICENSE", "README.md", "CHANGELOG.md"}
	}
	return []string{"LICENSE", "README.md", "CHANGELOG.md", "deploy/systemd", "deploy/temporal", "deploy/sites", "deploy/alerts.yaml"}
}

// archive packs the programs of a system.
func (r *release) archive(p platform, folder string, programs []string) error {
	files := map[string]string{} // Name in the archive: path.
	for _, program := range programs {
		files[program] = filepath.Join(folder, program)
	}
	for _, path := range beside(p.os) {
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files[filepath.ToSlash(path)] = path
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("finding what goes into the archive: %w", err)
		}
	}
	name := fmt.Sprintf("fermata_%s_%s_%s", r.number(), p.os, p.arch)
	out, err := os.Create(filepath.Join(r.out, name+".tar.gz"))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	if err := pack(out, name, files, r.time); err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	return out.Close()
}

// pack writes an archive whose bytes depend on the files alone: names in order, one time, no owner.
func pack(w io.Writer, folder string, files map[string]string, at time.Time) error {
	zipped := gzip.NewWriter(w) // Its header has no name and no time.
	archive := tar.NewWriter(zipped)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if !strings.Contains(name, "/") && filepath.Ext(name) == "" && name != "LICENSE" {
			mode = 0o755
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: folder + "/" + name, Size: int64(len(data)), Mode: mode, ModTime: at, Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(data); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

// sum writes SHA256SUMS, as sha256sum reads it.
func (r *release) sum() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(lines.String()), 0o644) //nolint:gosec // It is given to others.
}
