package guest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// maxArchive is the most that an archive may unpack to, in bytes.
const maxArchive = 1 << 30

// archiveCommands pack and unpack.
func archiveCommands() map[string]Command {
	return map[string]Command{"tar": tarCommand, "gzip": gzipCommand, "gunzip": gzipCommand, "zcat": gzipCommand}
}

func tarCommand(_ context.Context, c Call) int {
	args := c.Args[1:]
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		args = append([]string{"-" + args[0]}, args[1:]...) // tar xzf.
	}
	f, err := getopt(args, "x extract get c create t list z gzip f: file: C: directory: strip-components: no-same-owner same-owner v verbose p no-overwrite-dir exclude: owner: group: numeric-owner")
	if err != nil {
		return c.usage(64, err)
	}
	dir := c.Dir
	if f.has("C", "directory") {
		dir = c.Path(f.value("C", "directory"))
	}
	if i, err := c.files().stat(dir); err != nil || !i.IsDir() {
		return c.Fail(2, "%s: Cannot open: No such file or directory", dir)
	}
	switch {
	case f.has("x", "extract", "get"), f.has("t", "list"):
		err = c.untar(f, dir)
	case f.has("c", "create"):
		err = c.tar(f, dir)
	default:
		return c.usage(2, errors.New("You must specify one of the '-Acdtrux' options")) //nolint:staticcheck // tar's own words.
	}
	if err != nil {
		return c.Fail(2, "%s\ntar: Error is not recoverable: exiting now", reason(err))
	}
	return 0
}

// plainReader sees through gzip.
func plainReader(data []byte) (io.Reader, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return bytes.NewReader(data), nil
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not in gzip format: %w", err)
	}
	return io.LimitReader(unzipped, maxArchive), nil
}

func (c Call) untar(f flags, dir string) error {
	data, err := c.ReadFile(cmpOr(f.value("f", "file"), "-"))
	if err != nil {
		return err
	}
	plain, err := plainReader(data)
	if err != nil {
		return err
	}
	strip, err := strconv.Atoi(cmpOr(f.value("strip-components"), "0"))
	if err != nil || strip < 0 {
		return errors.New("Invalid number of elements") //nolint:staticcheck // tar's own words.
	}
	for archive, seen := tar.NewReader(plain), 0; ; seen++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) && seen > 0 {
			return nil
		}
		if err != nil {
			return errors.New("This does not look like a tar archive") //nolint:staticcheck // tar's own words.
		}
		if f.has("t", "list") {
			c.Print("%s\n", header.Name)
			continue
		}
		parts := names(header.Name)
		if len(parts) <= strip {
			continue
		}
		for _, part := range parts {
			if part == ".." {
				return fmt.Errorf("%s: Member name contains '..'", header.Name)
			}
		}
		if err := c.unpackMember(header, archive, path.Join(dir, path.Join(parts[strip:]...)), f.has("no-same-owner")); err != nil {
			return fmt.Errorf("%s: Cannot open: %s", header.Name, reason(err))
		}
	}
}

func (c Call) unpackMember(header *tar.Header, body io.Reader, at string, ours bool) error {
	v := c.files()
	mode := uint32(header.Mode) & 0o7777 &^ c.umask //nolint:gosec // Masked.
	switch header.Typeflag {
	case tar.TypeDir:
		if err := v.mkdirAll(at, 0o755); err != nil {
			return err
		}
		return v.chmod(at, mode)
	case tar.TypeSymlink:
		if err := missingIsFine(v.remove(at)); err != nil {
			return err
		}
		return v.symlink(header.Linkname, at)
	case tar.TypeReg:
	default:
		return fmt.Errorf("Unknown file type '%c'", header.Typeflag) //nolint:staticcheck // tar's own words.
	}
	if err := v.mkdirAll(path.Dir(at), 0o755); err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(body, maxArchive))
	if err != nil {
		return fmt.Errorf("unexpected EOF in archive: %w", err)
	}
	if err := missingIsFine(v.remove(at)); err != nil { // tar unlinks what is in the way; a link is not followed.
		return err
	}
	if err := v.writeFile(at, data, mode); err != nil {
		return err
	}
	if c.Root() && !ours {
		return v.chown(at, header.Uid, header.Gid)
	}
	return nil
}

func (c Call) tar(f flags, dir string) error {
	var packed bytes.Buffer
	out := io.WriteCloser(nopCloser{&packed})
	if f.has("z", "gzip") {
		out = gzip.NewWriter(&packed)
	}
	archive := tar.NewWriter(out)
	for _, name := range f.args {
		if err := c.pack(archive, dir, name); err != nil {
			return err
		}
	}
	if err := errors.Join(archive.Close(), out.Close()); err != nil {
		return fmt.Errorf("ending the archive: %w", err)
	}
	if name := cmpOr(f.value("f", "file"), "-"); name != "-" {
		return c.WriteFile(name, packed.Bytes(), 0o666)
	}
	_, err := c.Stdout.Write(packed.Bytes())
	return err
}

func (c Call) pack(archive *tar.Writer, dir, name string) error {
	v, at := c.files(), path.Join(dir, name)
	i, err := v.lstat(at)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: int64(bitsOf(i.mode)), Uid: i.uid, Gid: i.gid, ModTime: i.ModTime(), Typeflag: tar.TypeReg}
	var data []byte
	switch {
	case i.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, header.Name+"/"
	case i.mode&fs.ModeSymlink != 0:
		header.Typeflag = tar.TypeSymlink
		if header.Linkname, err = v.readlink(at); err != nil {
			return err
		}
	default:
		if data, err = v.readFile(at); err != nil {
			return err
		}
		header.Size = int64(len(data))
	}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	if _, err := archive.Write(data); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	if !i.IsDir() {
		return nil
	}
	entries, err := v.readDir(at)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := c.pack(archive, dir, path.Join(name, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func gzipCommand(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "d decompress c stdout k keep f force 9 1 n")
	if err != nil {
		return c.usage(1, err)
	}
	name := path.Base(c.Args[0])
	unzip := f.has("d", "decompress") || name != "gzip"
	toOutput := f.has("c", "stdout") || name == "zcat" || len(f.args) == 0
	return c.inputs(f.args, func(file string, data []byte) {
		result, err := zip(data, unzip)
		switch {
		case err != nil:
			c.Fail(1, "%s: %v", file, err)
		case toOutput:
			_, _ = c.Stdout.Write(result)
		default:
			to := file + ".gz"
			if unzip {
				to = strings.TrimSuffix(file, ".gz")
			}
			if err := c.WriteFile(to, result, 0o644); err != nil {
				c.Fail(1, "%s: %s", to, reason(err))
			} else if !f.has("k", "keep") && to != file {
				_ = c.files().remove(c.Path(file)) // The result is there; a copy that stays harms nobody.
			}
		}
	})
}

func zip(data []byte, unzip bool) ([]byte, error) {
	if unzip {
		plain, err := plainReader(data)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(plain)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	return packed.Bytes(), nil
}
