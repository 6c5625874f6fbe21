package starter

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// Arrange lets flags stand behind arguments, as people type them: the library stops at the first argument.
func Arrange(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	rest, before := args[1:], []string{args[0]}
	// Flags of the whole program come first; the first other word is the command.
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") && rest[0] != "--" {
		n := take(app.Flags, rest)
		before, rest = append(before, rest[:n]...), rest[n:]
	}
	if len(rest) == 0 {
		return before
	}
	command := app.Command(rest[0])
	if command == nil {
		return append(before, rest...)
	}
	name := rest[:1]
	if len(rest) > 1 {
		if sub := command.Command(rest[1]); sub != nil { // fermata keys rotate.
			command, name = sub, rest[:2]
		}
	}
	var global, flags, words []string
	for rest = rest[len(name):]; len(rest) > 0; {
		switch {
		case rest[0] == "--":
			words, rest = append(words, rest[1:]...), nil
		case !strings.HasPrefix(rest[0], "-") || rest[0] == "-":
			words, rest = append(words, rest[0]), rest[1:]
		case find(command.Flags, rest[0]) == nil && find(app.Flags, rest[0]) != nil:
			n := take(app.Flags, rest)
			global, rest = append(global, rest[:n]...), rest[n:]
		default:
			n := take(command.Flags, rest)
			flags, rest = append(flags, rest[:n]...), rest[n:]
		}
	}
	out := append(append(before, global...), name...)
	out = append(out, flags...)
	if len(words) > 0 {
		out = append(append(out, "--"), words...)
	}
	return out
}

// take says how many words a flag takes, with its value.
func take(flags []cli.Flag, rest []string) int {
	f := find(flags, rest[0])
	_, isBool := f.(*cli.BoolFlag)
	if f == nil || isBool || strings.Contains(rest[0], "=") || len(rest) < 2 {
		return 1
	}
	return 2
}

func find(flags []cli.Flag, word string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, f := range flags {
		for _, known := range f.Names() {
			if known == name {
				return f
			}
		}
	}
	return nil
}
