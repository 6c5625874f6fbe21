package repository

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

//go:embed files
var files embed.FS

// architecture is Debian's name of the one that Go builds for; they agree for amd64 and arm64.
func architecture() string { return runtime.GOARCH }

// content is a file of a package.
type content struct {
	text string
	mode fs.FileMode
}

// packages builds all .debs into the pool.
func (r *Repository) packages(ctx context.Context) error {
	for _, version := range []string{Old, New} {
		if err := r.application(ctx, version); err != nil {
			return err
		}
	}
	return r.pack(ctx, Tool, ToolVersion, "all", map[string]content{
		"usr/bin/" + Tool: {"#!/bin/sh\necho hello\n", 0o755},
	})
}

// application builds one version of the web application: a static binary, its init script, its unit and its settings.
func (r *Repository) application(ctx context.Context, version string) error {
	tree := map[string]content{"usr/share/doc/hello-web/README": {"hello-web " + version + "\n", 0o644}, "DEBIAN/conffiles": {"/etc/hello-web/hello-web.conf\n", 0o644}}
	for path, from := range map[string]string{
		"etc/init.d/hello-web": "init", "DEBIAN/postinst": "postinst", "DEBIAN/prerm": "prerm", "DEBIAN/postrm": "postrm",
		"lib/systemd/system/hello-web.service": "service", "etc/hello-web/hello-web.conf": "hello-web.conf",
	} {
		data, err := files.ReadFile("files/" + from)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o755)
		if from == "service" || from == "hello-web.conf" {
			mode = 0o644
		}
		tree[path] = content{string(data), mode}
	}
	binary := filepath.Join(r.folder, "hello-web")
	_, err := run(ctx, "", []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version, "-o", binary, "fermata/testsuite/bed/repository/hello")
	if err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	tree["usr/sbin/hello-web"] = content{string(data), 0o755}
	return r.pack(ctx, Application, version, architecture(), tree)
}

// pack builds a .deb of a tree of files.
func (r *Repository) pack(ctx context.Context, name, version, arch string, tree map[string]content) error {
	root := filepath.Join(r.folder, name+"-"+version)
	defer func() { _ = os.RemoveAll(root) }()
	tree["DEBIAN/control"] = content{fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Bed <bed@example.net>\nDescription: %s of the bed\n", name, version, arch, name), 0o644}
	for path, c := range tree {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // As a package has it.
			return err
		}
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			return err
		}
	}
	pool := filepath.Join(r.public(), "pool")
	if err := os.MkdirAll(pool, 0o755); err != nil { //nolint:gosec // It is published.
		return err
	}
	// Without compression a .deb of this size is built in a fifth of the time.
	_, err := run(ctx, r.folder, nil, "dpkg-deb", "--build", "--root-owner-group", "-Znone", root, filepath.Join(pool, fmt.Sprintf("%s_%s_%s.deb", name, version, arch)))
	return err
}
