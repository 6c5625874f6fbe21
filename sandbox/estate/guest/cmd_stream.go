package guest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // md5sum is what the command is called.
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// streamCommands search and transform streams.
func streamCommands() map[string]Command {
	return map[string]Command{
		"grep": grep, "sed": sed, "cmp": cmp, "base64": base64Command, "sha256sum": digest(sha256.New), "sha512sum": digest(sha512.New),
		"sha1sum": digest(sha1.New), "md5sum": digest(md5.New),
	}
}

func grep(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "q quiet silent v invert-match i ignore-case E extended-regexp F fixed-strings x line-regexp w c count n s no-messages o e: regexp: m: h l")
	if err != nil {
		return c.usage(2, err)
	}
	patterns := append(f.values["e"], f.values["regexp"]...)
	if len(patterns) == 0 {
		if len(f.args) == 0 {
			return c.usage(2, errMissingPattern{})
		}
		patterns, f.args = f.args[:1], f.args[1:]
	}
	match, err := grepMatcher(f, patterns)
	if err != nil {
		return c.Fail(2, "%v", err)
	}
	limit, _ := strconv.Atoi(f.value("m"))
	found, bad := false, c
	if f.has("s", "no-messages") {
		bad.Stderr = io.Discard
	}
	code := bad.inputs(f.args, func(name string, data []byte) {
		count := 0
		for n, line := range lines(data) {
			hit := match.FindStringIndex(line)
			if (hit != nil) == f.has("v", "invert-match") || limit > 0 && count >= limit {
				continue
			}
			count++
			found = true
			if !f.has("q", "quiet", "silent", "c", "count", "l") {
				c.grepLine(f, name, n, line, hit)
			}
		}
		switch {
		case f.has("c", "count"):
			c.Print("%d\n", count)
		case f.has("l") && count > 0:
			c.Print("%s\n", name)
		}
	})
	switch {
	case found && f.has("q", "quiet", "silent"):
		return 0
	case code != 0:
		return 2
	case found:
		return 0
	}
	return 1
}

type errMissingPattern struct{}

func (errMissingPattern) Error() string { return "missing pattern" }

func (c Call) grepLine(f flags, name string, n int, line string, hit []int) {
	if len(f.args) > 1 && !f.has("h") {
		c.Print("%s:", name)
	}
	if f.has("n") {
		c.Print("%d:", n+1)
	}
	if f.has("o") && hit != nil {
		line = line[hit[0]:hit[1]]
	}
	c.Print("%s\n", line)
}

func grepMatcher(f flags, patterns []string) (*regexp.Regexp, error) {
	for i, pattern := range patterns {
		switch {
		case f.has("F", "fixed-strings"):
			pattern = regexp.QuoteMeta(pattern)
		case !f.has("E", "extended-regexp"):
			pattern = basicPattern(pattern)
		}
		patterns[i] = "(?:" + pattern + ")"
	}
	text := strings.Join(patterns, "|")
	if f.has("x", "line-regexp") {
		text = "^(?:" + text + ")$"
	}
	if f.has("w") {
		text = `\b(?:` + text + `)\b`
	}
	if f.has("i", "ignore-case") {
		text = "(?i)" + text
	}
	return regexp.Compile(text)
}

// basicPattern turns a basic regular expression of POSIX into Go's form: there \( groups and ( is a letter.
func basicPattern(text string) string {
	var b strings.Builder
	inSet := false
	for i := 0; i < len(text); i++ {
		letter := text[i]
		switch {
		case inSet:
			inSet = letter != ']'
			b.WriteByte(letter)
		case letter == '[':
			inSet = true
			b.WriteByte(letter)
			if rest := text[i+1:]; strings.HasPrefix(rest, "]") || strings.HasPrefix(rest, "^]") { // A first ] is a letter.
				end := strings.IndexByte(rest, ']') + 1
				b.WriteString(strings.Replace(rest[:end], "]", `\]`, 1))
				i += end
			}
		case letter == '\\' && i+1 < len(text):
			i++
			if strings.IndexByte("(){}|+?", text[i]) < 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(text[i])
		case strings.IndexByte("(){}|+?", letter) >= 0:
			b.WriteByte('\\')
			b.WriteByte(letter)
		case letter == '*' && b.Len() == 0:
			b.WriteString(`\*`)
		default:
			b.WriteByte(letter)
		}
	}
	return b.String()
}

func cmp(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "s quiet silent")
	if err != nil {
		return c.usage(2, err)
	}
	if len(f.args) != 2 {
		return c.missing(2)
	}
	var data [2][]byte
	for i, name := range f.args {
		if data[i], err = c.ReadFile(name); err != nil {
			return c.Fail(2, "%s: %s", name, reason(err))
		}
	}
	if bytes.Equal(data[0], data[1]) {
		return 0
	}
	if !f.has("s", "quiet", "silent") {
		c.Print("%s %s differ\n", f.args[0], f.args[1])
	}
	return 1
}

func base64Command(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "d decode w: wrap: i")
	if err != nil {
		return c.usage(1, err)
	}
	code, bad := 0, false
	code = c.inputs(f.args, func(_ string, data []byte) {
		if f.has("d", "decode") {
			plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
			bad = err != nil
			_, _ = c.Stdout.Write(plain)
			return
		}
		width, err := strconv.Atoi(f.value("w", "wrap"))
		if err != nil {
			width = 76
		}
		text := base64.StdEncoding.EncodeToString(data)
		for width > 0 && len(text) > width {
			c.Print("%s\n", text[:width])
			text = text[width:]
		}
		c.Print("%s", text)
		if width > 0 && text != "" {
			c.Print("\n")
		}
	})
	if bad {
		return c.Fail(1, "invalid input")
	}
	return code
}

// digest makes sha256sum and its kin.
func digest(sum func() hash.Hash) Command {
	hexOf := func(data []byte) string {
		h := sum()
		h.Write(data)
		return hex.EncodeToString(h.Sum(nil))
	}
	return func(_ context.Context, c Call) int {
		f, err := getopt(c.Args[1:], "c check b t status quiet strict")
		if err != nil {
			return c.usage(1, err)
		}
		if !f.has("c", "check") {
			return c.inputs(f.args, func(name string, data []byte) { c.Print("%s  %s\n", hexOf(data), name) })
		}
		wrong, seen := 0, 0
		code := c.inputs(f.args, func(_ string, list []byte) {
			for _, line := range lines(list) {
				want, name, ok := strings.Cut(line, " ")
				if !ok {
					continue
				}
				seen++
				name = strings.TrimLeft(name, " *")
				data, err := c.ReadFile(name)
				verdict := "OK"
				if err != nil || hexOf(data) != strings.ToLower(want) {
					verdict = "FAILED"
					wrong++
				}
				if !f.has("status") && !(f.has("quiet") && verdict == "OK") {
					c.Print("%s: %s\n", name, verdict)
				}
			}
		})
		switch {
		case seen == 0:
			return c.Fail(1, "no properly formatted checksum lines found")
		case wrong > 0 && !f.has("status"):
			return c.Fail(1, "WARNING: %d computed checksum did NOT match", wrong)
		case wrong > 0:
			return 1
		}
		return code
	}
}
