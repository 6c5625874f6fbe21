package dbx

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// Dump is a program that prints all of a database.
type Dump struct {
	// Program is its path, or its name to be found in PATH.
	Program string
	// Args are its arguments; no secret is among them.
	Args []string
	// Env is what it finds in its environment beside PATH and LC_ALL.
	Env []string
	// Options is what it reads from OptionsPath; may be empty. It is no file: who kills the worker leaves no password behind.
	Options secret.Value
	// Password is hidden in what it says.
	Password secret.Value
	// Suffix ends the file's name: ".dump".
	Suffix string
}

// OptionsPath is where a program finds its Options: it can be read once.
const OptionsPath = "/dev/fd/3"

// Archive runs the program and keeps what it prints in the folder, whole or not at all, under op's key. What op kept before is
// returned as it is.
func Archive(ctx context.Context, folder string, op operation.Op, d database.Database, dump Dump) (database.Archive, error) {
	doing := "dumping database " + d.Name
	path := filepath.Join(folder, d.Name+"-"+op.Key.UUID().String()+dump.Suffix)
	part := "." + filepath.Base(path) + "." // Begins the names of files that are being written.
	kept, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return kept, fault.Wrap(fault.Invalid, err, doing)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return database.Archive{}, fault.Wrap(fault.Invalid, err, doing)
	}
	if err := removeParts(folder, part); err != nil {
		return database.Archive{}, fault.Wrap(fault.Unavailable, err, doing)
	}
	file, err := os.CreateTemp(folder, part+"*") // Closed to others from the start.
	if err != nil {
		return database.Archive{}, fault.Wrap(fault.Invalid, err, doing)
	}
	defer func() { _ = os.Remove(file.Name()) }() // Gone already where all went well.
	if err := errors.Join(dump.run(ctx, file), file.Sync(), file.Close()); err != nil {
		return database.Archive{}, fault.New(kindOf(ctx, err), "%s: %w", doing, err)
	}
	if err := replace(file.Name(), path); err != nil {
		return database.Archive{}, fault.Wrap(fault.Unavailable, err, doing)
	}
	kept, err = read(path)
	return kept, fault.Wrap(fault.Unavailable, err, doing)
}

// kindOf: a program that could not do its work may do it later, one that is not there never.
func kindOf(ctx context.Context, err error) fault.Kind {
	var exit *exec.ExitError
	if ctx.Err() != nil || errors.As(err, &exit) {
		return fault.Unavailable
	}
	return fault.Invalid
}

// removeParts removes what earlier attempts at the same dump left that were killed. One that still writes finds that its file is
// gone, and comes to nothing.
func removeParts(folder, part string) error {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), part) && err == nil {
			err = os.Remove(filepath.Join(folder, e.Name()))
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return err
}

func (d Dump) run(ctx context.Context, out io.Writer) error {
	cmd := exec.CommandContext(ctx, d.Program, d.Args...) //nolint:gosec // The program of the worker's own configuration; names were checked.
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = out, &said
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, d.Env...)
	if err := d.give(cmd); err != nil {
		return err
	}
	err := cmd.Run()
	for _, options := range cmd.ExtraFiles {
		err = errors.Join(err, options.Close())
	}
	if err != nil {
		text := secret.Hide(strings.TrimSpace(said.String()), d.Password)
		return errors.Join(err, errors.New(text[:min(len(text), 600)]))
	}
	return nil
}

// give lets the program read its options from a pipe: they are short enough to fit into it before anybody reads.
func (d Dump) give(cmd *exec.Cmd) error {
	if len(d.Options.Reveal()) == 0 {
		return nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.ExtraFiles = []*os.File{read} // The first is number 3.
	_, err = write.Write(d.Options.Reveal())
	return errors.Join(err, write.Close())
}

func replace(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func read(path string) (database.Archive, error) {
	file, err := os.Open(path)
	if err != nil {
		return database.Archive{}, err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	return database.Archive{Path: path, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// Private writes a file that only the worker's account reads, for a program that takes a password from nowhere else. remove
// takes it away.
func Private(content []byte) (path string, remove func(), err error) {
	file, err := os.CreateTemp("", "fermata-*") // 0600.
	if err != nil {
		return "", nil, fault.Wrap(fault.Unavailable, err, "writing a file for a program")
	}
	remove = func() { _ = os.Remove(file.Name()) }
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		remove()
		return "", nil, fault.Wrap(fault.Unavailable, err, "writing a file for a program")
	}
	return file.Name(), remove, nil
}
