// Package repository makes an apt repository for tests: it builds its packages, makes the index, signs it with a key of its
// own and serves it over HTTP.
//
// It has "hello-web" in two versions, the web application of examples/web-server.yaml, and "hello-tool", which is one file.
package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"fermata/testsuite/bed/host"
)

// What the repository has.
const (
	Application = "hello-web"
	Old, New    = "1.1.0", "1.2.0" // Versions of the application.
	Tool        = "hello-tool"
	ToolVersion = "1.0"

	Suite, Component = "bed", "main"

	// Archive is the path of a tar archive with one file in it, below the address.
	Archive, ArchiveMember = "archives/hello.tar", "hello.txt"
)

// Packages are what building it needs of Debian.
func Packages() []string { return []string{"dpkg", "apt-utils", "gnupg", "tar"} }

// Repository is one that was built.
type Repository struct {
	folder string // What is served stands in "public".
	key    string
	sum    string
}

// Build makes a repository in a folder whose path is short, for gpg's sockets. The Go module that is built from is the one
// around the working folder.
func Build(ctx context.Context, folder string) (*Repository, error) {
	if err := host.Install(ctx, Packages()...); err != nil {
		return nil, err
	}
	r := &Repository{folder: folder}
	for _, step := range []func(context.Context) error{r.packages, r.archive, r.index, r.sign} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("building the repository: %w", err)
		}
	}
	return r, nil
}

// archive makes the tar archive.
func (r *Repository) archive(ctx context.Context) error {
	member, path := filepath.Join(r.folder, ArchiveMember), filepath.Join(r.public(), Archive)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(member, []byte("hello\n"), 0o644)); err != nil { //nolint:gosec // It is published.
		return err
	}
	if _, err := run(ctx, r.folder, nil, "tar", "--create", "--file", path, "--owner=0", "--group=0", ArchiveMember); err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	r.sum = hex.EncodeToString(sum[:])
	return nil
}

// index writes Packages and Release, as apt-ftparchive(1) does.
func (r *Repository) index(ctx context.Context) error {
	lists := filepath.Join("dists", Suite, Component, "binary-"+architecture())
	if err := os.MkdirAll(filepath.Join(r.public(), lists), 0o755); err != nil { //nolint:gosec // It is published.
		return err
	}
	packages, err := run(ctx, r.public(), nil, "apt-ftparchive", "packages", "pool")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.public(), lists, "Packages"), packages, 0o644); err != nil { //nolint:gosec // It is published.
		return err
	}
	release, err := run(ctx, r.public(), nil, "apt-ftparchive", "-o", "APT::FTPArchive::Release::Suite="+Suite, "-o", "APT::FTPArchive::Release::Codename="+Suite,
		"-o", "APT::FTPArchive::Release::Architectures="+architecture(), "-o", "APT::FTPArchive::Release::Components="+Component, "release", "dists/"+Suite)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.public(), "dists", Suite, "Release"), release, 0o644) //nolint:gosec // It is published.
}

// sign signs the index with a key that is thrown away with the folder.
func (r *Repository) sign(ctx context.Context) (err error) {
	home := filepath.Join(r.folder, "gpg")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	gpg := func(args ...string) ([]byte, error) {
		args = append([]string{"gpg", "--homedir", home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)
		return run(ctx, filepath.Join(r.public(), "dists", Suite), nil, args...)
	}
	// gpg leaves an agent behind, which would outlive the folder.
	defer func() {
		_, ending := run(ctx, r.folder, nil, "gpgconf", "--homedir", home, "--kill", "all")
		err = errors.Join(err, ending, os.RemoveAll(home))
	}()
	if _, err := gpg("--quick-generate-key", "Bed <bed@example.net>", "ed25519", "sign", "never"); err != nil {
		return err
	}
	if _, err := gpg("--output", "InRelease", "--clearsign", "Release"); err != nil {
		return err
	}
	if _, err := gpg("--output", "Release.gpg", "--armor", "--detach-sign", "Release"); err != nil {
		return err
	}
	key, err := gpg("--armor", "--export")
	r.key = string(key)
	return err
}

// Key is the armored public key that signs the repository.
func (r *Repository) Key() string { return r.key }

// ArchiveSum is the SHA-256 checksum of the archive, in hex.
func (r *Repository) ArchiveSum() string { return r.sum }

// Source is what apt's sources.list.d wants for the repository at an address, the key included (sources.list(5)).
func (r *Repository) Source(uri string) string {
	var key strings.Builder
	for line := range strings.Lines(r.key) {
		if strings.TrimSpace(line) == "" {
			line = ".\n"
		}
		key.WriteString(" " + line)
	}
	return fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\nSigned-By:\n%s", uri, Suite, Component, key.String())
}

// Serve serves the repository on a listener until the returned function is called. Its URI is http:// and the address.
func (r *Repository) Serve(l net.Listener) (stop func() error) {
	server := &http.Server{Handler: http.FileServer(http.Dir(r.public())), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	return func() error {
		err := server.Close()
		<-done
		return err
	}
}

func (r *Repository) public() string { return filepath.Join(r.folder, "public") }

// run runs a command and returns what it prints. What it says besides stands in the error.
func run(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // The bed's own commands.
	cmd.Dir, cmd.Stderr = dir, &said
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out, nil
}
