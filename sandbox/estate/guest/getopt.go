package guest

import (
	"fmt"
	"slices"
	"strings"
)

// flags are the options and operands of a command line.
type flags struct {
	values map[string][]string
	order  []string // Options in the order they came.
	args   []string
}

// getopt reads options as getopt_long(3) does. spec lists the options that are known, blank-separated: "q" or "quiet" takes
// no value, "o:" or "output:" takes one, "json?" takes one only after "=". A spec that begins with "+" ends at the first
// operand. Any other option is an error in getopt's words: nothing is silently ignored.
func getopt(args []string, spec string) (flags, error) {
	f := flags{values: map[string][]string{}}
	known := map[string]byte{}
	stop := strings.HasPrefix(spec, "+")
	for name := range strings.FieldsSeq(strings.TrimPrefix(spec, "+")) {
		kind := name[len(name)-1]
		if kind != ':' && kind != '?' {
			kind = 0
		}
		known[strings.TrimRight(name, ":?")] = kind
	}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		switch {
		case word == "--":
			f.args = append(f.args, args...)
			return f, nil
		case strings.HasPrefix(word, "--"):
			var err error
			if args, err = f.long(word[2:], args, known); err != nil {
				return f, err
			}
		case len(word) > 1 && word[0] == '-':
			var err error
			if args, err = f.short(word[1:], args, known); err != nil {
				return f, err
			}
		case stop:
			f.args = append([]string{word}, args...)
			return f, nil
		default:
			f.args = append(f.args, word)
		}
	}
	return f, nil
}

func (f *flags) add(name, value string) {
	f.values[name] = append(f.values[name], value)
	f.order = append(f.order, name)
}

func (f *flags) long(word string, args []string, known map[string]byte) ([]string, error) {
	name, value, given := strings.Cut(word, "=")
	kind, ok := known[name]
	switch {
	case !ok || len(name) < 2:
		return nil, fmt.Errorf("unrecognized option '--%s'", name)
	case kind == 0 && given:
		return nil, fmt.Errorf("option '--%s' doesn't allow an argument", name)
	case kind == ':' && !given && len(args) == 0:
		return nil, fmt.Errorf("option '--%s' requires an argument", name)
	case kind == ':' && !given:
		value, args = args[0], args[1:]
	}
	f.add(name, value)
	return args, nil
}

func (f *flags) short(word string, args []string, known map[string]byte) ([]string, error) {
	for i, letter := range word {
		name, rest := string(letter), word[i+len(string(letter)):]
		kind, ok := known[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("invalid option -- '%s'", name)
		case kind != ':':
			f.add(name, "")
			continue
		case rest != "":
			f.add(name, rest)
		case len(args) == 0:
			return nil, fmt.Errorf("option requires an argument -- '%s'", name)
		default:
			f.add(name, args[0])
			args = args[1:]
		}
		return args, nil
	}
	return args, nil
}

// has reports whether any of the options was given.
func (f flags) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return len(f.values[name]) > 0 })
}

// value is the last value of any of the options.
func (f flags) value(names ...string) string {
	for _, given := range slices.Backward(f.order) {
		if slices.Contains(names, given) {
			all := f.values[given]
			return all[len(all)-1]
		}
	}
	return ""
}

// usage ends a command that was called wrongly, in the form of coreutils and util-linux.
func (c Call) usage(code int, err error) int {
	return c.Fail(code, "%v\nTry '%s --help' for more information.", err, c.Args[0])
}

// missing ends a command that lacks an operand.
func (c Call) missing(code int) int { return c.usage(code, fmt.Errorf("missing operand")) }
