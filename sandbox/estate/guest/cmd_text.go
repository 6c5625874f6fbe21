package guest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// textCommands show and cut text.
func textCommands() map[string]Command {
	return map[string]Command{
		"cat": cat, "head": head, "tail": head, "wc": wc, "sort": sortCommand, "uniq": uniq, "cut": cut, "tr": tr, "tee": tee, "seq": seq,
	}
}

// inputs runs do for every named file, or for the input when none is named.
func (c Call) inputs(names []string, do func(name string, data []byte)) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		data, err := c.ReadFile(name)
		if i, statErr := c.files().stat(c.Path(name)); name != "-" && statErr == nil && i.IsDir() {
			code = c.Fail(1, "%s: Is a directory", name)
			continue
		}
		if err != nil {
			code = c.Fail(1, "%s: %s", name, reason(err))
			continue
		}
		do(name, data)
	}
	return code
}

func cat(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "n u")
	if err != nil {
		return c.usage(1, err)
	}
	if len(f.args) == 0 && !f.has("n") { // As it comes: a script may answer what it reads.
		if _, err := io.Copy(c.Stdout, c.Stdin); err != nil {
			return c.Fail(1, "-: %s", reason(err))
		}
		return 0
	}
	number := 0
	return c.inputs(f.args, func(_ string, data []byte) {
		if !f.has("n") {
			_, _ = c.Stdout.Write(data) // A reader that is gone is no fault of ours.
			return
		}
		for _, line := range lines(data) {
			number++
			c.Print("%6d\t%s\n", number, line)
		}
	})
}

// lines are the lines of a text, without their ends.
func lines(data []byte) []string {
	text := strings.TrimSuffix(string(data), "\n")
	if text == "" && len(data) == 0 {
		return nil
	}
	return strings.Split(text, "\n")
}

func head(_ context.Context, c Call) int {
	args := slices.Clone(c.Args[1:])
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && args[0][1] >= '0' && args[0][1] <= '9' {
		args[0] = "-n" + args[0][1:] // The old form, head -5.
	}
	f, err := getopt(args, "n: lines: c: bytes: q")
	if err != nil {
		return c.usage(1, err)
	}
	tail := strings.HasSuffix(c.Args[0], "tail")
	text := f.value("n", "lines", "c", "bytes")
	if text == "" {
		text = "10"
	}
	n, err := strconv.Atoi(strings.TrimPrefix(text, "+"))
	if err != nil || n < 0 {
		return c.Fail(1, "invalid number of lines: ‘%s’", text)
	}
	return c.inputs(f.args, func(_ string, data []byte) {
		parts := bytes.SplitAfter(data, []byte("\n"))
		if len(parts[len(parts)-1]) == 0 {
			parts = parts[:len(parts)-1]
		}
		if f.has("c", "bytes") {
			parts = single(data)
		}
		from, to := 0, min(n, len(parts))
		if tail {
			from, to = max(len(parts)-n, 0), len(parts)
			if strings.HasPrefix(text, "+") {
				from = min(max(n-1, 0), len(parts))
			}
		}
		_, _ = c.Stdout.Write(bytes.Join(parts[from:to], nil))
	})
}

func single(data []byte) [][]byte {
	parts := make([][]byte, len(data))
	for i := range data {
		parts[i] = data[i : i+1]
	}
	return parts
}

func wc(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "l lines c bytes w words m")
	if err != nil {
		return c.usage(1, err)
	}
	all := len(f.order) == 0
	return c.inputs(f.args, func(name string, data []byte) {
		var numbers []string
		if all || f.has("l", "lines") {
			numbers = append(numbers, strconv.Itoa(bytes.Count(data, []byte("\n"))))
		}
		if all || f.has("w", "words") {
			numbers = append(numbers, strconv.Itoa(len(bytes.Fields(data))))
		}
		if all || f.has("c", "bytes", "m") {
			numbers = append(numbers, strconv.Itoa(len(data)))
		}
		if len(f.args) > 0 {
			numbers = append(numbers, name)
		}
		c.Print("%s\n", strings.Join(numbers, " "))
	})
}

func sortCommand(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "u unique r reverse n numeric-sort V version-sort")
	if err != nil {
		return c.usage(2, err)
	}
	var all []string
	code := c.inputs(f.args, func(_ string, data []byte) { all = append(all, lines(data)...) })
	compare := strings.Compare
	switch {
	case f.has("V", "version-sort"):
		compare = compareVersions
	case f.has("n", "numeric-sort"):
		compare = func(a, b string) int {
			x, _ := strconv.ParseFloat(strings.TrimSpace(a), 64) // What is no number counts as zero.
			y, _ := strconv.ParseFloat(strings.TrimSpace(b), 64)
			return int(max(min(x-y, 1), -1))
		}
	}
	slices.SortStableFunc(all, compare)
	if f.has("u", "unique") {
		all = slices.Compact(all)
	}
	if f.has("r", "reverse") {
		slices.Reverse(all)
	}
	for _, line := range all {
		c.Print("%s\n", line)
	}
	return code
}

func uniq(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "c")
	if err != nil {
		return c.usage(1, err)
	}
	return c.inputs(f.args, func(_ string, data []byte) {
		all := lines(data)
		for i := 0; i < len(all); {
			n := 1
			for i+n < len(all) && all[i+n] == all[i] {
				n++
			}
			if f.has("c") {
				c.Print("%7d ", n)
			}
			c.Print("%s\n", all[i])
			i += n
		}
	})
}

func cut(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "d: delimiter: f: fields: c: s")
	if err != nil {
		return c.usage(1, err)
	}
	list := f.value("f", "fields", "c")
	wanted, err := ranges(list)
	if err != nil {
		return c.Fail(1, "you must specify a list of bytes, characters, or fields")
	}
	delimiter := "\t"
	if f.has("d", "delimiter") {
		delimiter = f.value("d", "delimiter")
	}
	return c.inputs(f.args, func(_ string, data []byte) {
		for _, line := range lines(data) {
			parts, joint := strings.Split(line, delimiter), delimiter
			if f.has("c") {
				parts, joint = strings.Split(line, ""), ""
			} else if len(parts) == 1 {
				if !f.has("s") {
					c.Print("%s\n", line)
				}
				continue
			}
			var kept []string
			for i, part := range parts {
				if wanted(i + 1) {
					kept = append(kept, part)
				}
			}
			c.Print("%s\n", strings.Join(kept, joint))
		}
	})
}

// ranges reads "1,3-5,7-".
func ranges(list string) (func(int) bool, error) {
	type span struct{ from, to int }
	var spans []span
	for part := range strings.SplitSeq(list, ",") {
		from, to, open := strings.Cut(part, "-")
		s := span{from: 1, to: 1 << 30}
		var err error
		if from != "" {
			if s.from, err = strconv.Atoi(from); err != nil {
				return nil, fmt.Errorf("reading %q: %w", part, err)
			}
		}
		if !open {
			s.to = s.from
		} else if to != "" {
			if s.to, err = strconv.Atoi(to); err != nil {
				return nil, fmt.Errorf("reading %q: %w", part, err)
			}
		}
		if part == "" || part == "-" {
			return nil, fmt.Errorf("empty range")
		}
		spans = append(spans, s)
	}
	return func(n int) bool {
		return slices.ContainsFunc(spans, func(s span) bool { return n >= s.from && n <= s.to })
	}, nil
}

func tr(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "+d s")
	if err != nil {
		return c.usage(1, err)
	}
	wanted := 2
	if f.has("d", "s") {
		wanted = 1
	}
	if len(f.args) != wanted {
		return c.missing(1)
	}
	data, err := io.ReadAll(c.Stdin)
	if err != nil {
		return c.Fail(1, "read error: %s", reason(err))
	}
	from := charset(f.args[0])
	var to []rune
	if wanted == 2 {
		to = charset(f.args[1])
	}
	last := rune(-1)
	_, _ = io.WriteString(c.Stdout, strings.Map(func(r rune) rune {
		at := slices.Index(from, r)
		switch {
		case at < 0:
		case f.has("d"):
			return -1
		case f.has("s") && r == last:
			return -1
		case len(to) > 0:
			r = to[min(at, len(to)-1)]
		}
		last = r
		return r
	}, string(data)))
	return 0
}

func charset(text string) []rune {
	text = strings.NewReplacer("[:upper:]", "A-Z", "[:lower:]", "a-z", "[:digit:]", "0-9", "[:alnum:]", "A-Za-z0-9",
		"[:space:]", " \t\n\r", "[:blank:]", " \t", `\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00", `\\`, `\`).Replace(text)
	letters := []rune(text)
	var all []rune
	for i := 0; i < len(letters); i++ {
		if i+2 < len(letters) && letters[i+1] == '-' && letters[i] <= letters[i+2] && letters[i+2]-letters[i] < 256 {
			for r := letters[i]; r <= letters[i+2]; r++ {
				all = append(all, r)
			}
			i += 2
			continue
		}
		all = append(all, letters[i])
	}
	return all
}

func tee(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "a append")
	if err != nil {
		return c.usage(1, err)
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if f.has("a", "append") {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	code, outputs := 0, []io.Writer{c.Stdout}
	for _, name := range f.args {
		opened, err := c.files().open(c.Path(name), flag, 0o666&^c.umask)
		if err != nil {
			code = c.Fail(1, "%s: %s", name, reason(err))
			continue
		}
		defer opened.Close()
		outputs = append(outputs, opened)
	}
	if _, err := io.Copy(io.MultiWriter(outputs...), c.Stdin); err != nil {
		return c.Fail(1, "write error: %s", reason(err))
	}
	return code
}

func seq(_ context.Context, c Call) int {
	from, to := 1, 0
	var err error
	switch len(c.Args) {
	case 2:
		to, err = strconv.Atoi(c.Args[1])
	case 3:
		if from, err = strconv.Atoi(c.Args[1]); err == nil {
			to, err = strconv.Atoi(c.Args[2])
		}
	default:
		return c.missing(1)
	}
	if err != nil || to-from > 1_000_000 {
		return c.Fail(1, "invalid argument")
	}
	for n := from; n <= to; n++ {
		c.Print("%d\n", n)
	}
	return 0
}
