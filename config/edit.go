package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"
)

// AddKey adds a key that opens to the description at path. It does not become the active one.
func AddKey(path string, key Key) error {
	return edit(path, func(in *Encryption) error {
		if slices.ContainsFunc(in.Keys, func(k Key) bool { return k.ID == key.ID }) {
			return fmt.Errorf("there is a key %q already", key.ID)
		}
		in.Keys = append(in.Keys, key)
		return nil
	})
}

// ActivateKey makes a key that is there the one that seals.
func ActivateKey(path, id string) error {
	return edit(path, func(in *Encryption) error {
		in.Active = id
		return nil
	})
}

// RemoveKey takes a key out. The active one stays.
func RemoveKey(path, id string) error {
	return edit(path, func(in *Encryption) error {
		if in.Active == id {
			return fmt.Errorf("the key %q seals: activate another before", id)
		}
		in.Keys = slices.DeleteFunc(in.Keys, func(k Key) bool { return k.ID == id })
		return nil
	})
}

// edit changes spec.encryption in the file at path and nothing else: comments, blank lines and order stay as they are. The
// file is replaced whole, after the new one was read back and means what it should.
func edit(path string, change func(*Encryption) error) error {
	path, err := filepath.EvalSymlinks(path) // A link stays a link.
	if err != nil {
		return fmt.Errorf("changing the description of the installation: %w", err)
	}
	was, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("changing the description of the installation: %w", err)
	}
	in, err := parse(path, was)
	if err != nil {
		return err
	}
	want := Encryption{Active: in.Encryption.Active, Keys: slices.Clone(in.Encryption.Keys)}
	if err := change(&want); err != nil {
		return fmt.Errorf("changing %s: %w", path, err)
	}
	is, err := rewrite(was, in.Encryption, want)
	if err == nil {
		err = same(path, was, is, want)
	}
	if err != nil {
		return fmt.Errorf("changing %s: %w", path, err)
	}
	return replace(path, is)
}

// same reads what was written: it must be valid, have the keys that were wanted, and be what it was otherwise.
func same(path string, was, is []byte, want Encryption) error {
	in, err := parse(path, is)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(in.Encryption, want) || !reflect.DeepEqual(others(was), others(is)) {
		return errByHand
	}
	return nil
}

// others is the document without spec.encryption.
func others(data []byte) map[string]any {
	document := map[string]any{}
	if yaml.Unmarshal(data, &document) != nil {
		return nil
	}
	if spec, ok := document["spec"].(map[string]any); ok {
		delete(spec, "encryption")
	}
	return document
}

// replace writes a file whole or not at all, with the mode and the owner that it had.
func replace(path string, data []byte) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), owned(f, info), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// owned gives the file to whom the other one belongs.
func owned(f *os.File, like os.FileInfo) error {
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	is, ok := mine.Sys().(*syscall.Stat_t)
	want, known := like.Sys().(*syscall.Stat_t)
	if !ok || !known || is.Uid == want.Uid && is.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}

// line of a key as it is written into the list.
func (k Key) line() string {
	return fmt.Sprintf("{id: %s, secret: %q}", quoted(k.ID), string(k.Secret))
}

// quoted keeps an id from being read as a number or a date.
func quoted(id string) string {
	if strings.Trim(id[:1], "0123456789.-") == "" || slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(id)) {
		return fmt.Sprintf("%q", id)
	}
	return id
}

// rewrite finds the places in the text by the positions that the YAML parser tells, and changes only those.
func rewrite(data []byte, was, want Encryption) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	section := child(child(document.Content[0], "spec"), "encryption")
	text := &lines{text: strings.SplitAfter(string(data), "\n")}
	active, keys := child(section, "active"), child(section, "keys")
	if active == nil || keys == nil || keys.Kind != yaml.SequenceNode {
		return nil, errByHand
	}
	// From the bottom up, so that positions above stay true.
	steps := []func() error{
		func() error { return text.keys(keys, was.Keys, want.Keys) },
		func() error { return text.scalar(active, want.Active) },
	}
	if active.Line > keys.Line || active.Line == keys.Line && active.Column > keys.Column {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	for _, l := range text.text {
		b.WriteString(l)
	}
	return b.Bytes(), nil
}

func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}
