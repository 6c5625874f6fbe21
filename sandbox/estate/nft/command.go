package nft

import (
	"fmt"
	"io"
	"strings"
)

// options are nft's switches.
type options struct {
	json, check, handles, echo bool
	file                       string
	command                    []string
}

// Command is the nft program: args without its name, readFile reads files of the host it runs on. It returns the exit
// status.
func (r *Ruleset) Command(args []string, stdin io.Reader, readFile func(string) ([]byte, error), stdout, stderr io.Writer) int {
	o, refusal := readOptions(args)
	if refusal != "" {
		fmt.Fprintln(stderr, refusal)
		return 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &source{}
	switch {
	case o.file != "":
		read := readFile
		s.name = o.file
		if o.file == "-" {
			s.name = "/dev/stdin"
			read = func(string) ([]byte, error) {
				if stdin == nil {
					return nil, nil
				}
				return io.ReadAll(stdin)
			}
		}
		data, err := read(o.file)
		if err != nil {
			fmt.Fprintf(stderr, "internal:0:0-0: Error: Could not open file \"%s\": No such file or directory\n\n\n", o.file)
			return 1
		}
		s.lines = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	case len(o.command) == 0:
		fmt.Fprintln(stderr, "nft: no command specified")
		return 1
	case o.command[0] == "list":
		return r.list(o, stdout, stderr)
	default:
		s.lines = []string{strings.Join(o.command, " ")}
	}
	return r.script(s, o, readFile, stderr)
}

func readOptions(args []string) (options, string) {
	o := options{}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-f" || arg == "--file":
			if i+1 == len(args) {
				return o, "nft: option requires an argument -- 'f'"
			}
			i++
			o.file = args[i]
		case arg == "-v" || arg == "--version":
			return o, "nftables v1.0.6 (Lester Gooch #5)"
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			for _, letter := range strings.TrimPrefix(arg, "-") {
				switch letter {
				case 'j':
					o.json = true
				case 'c':
					o.check = true
				case 'a':
					o.handles = true
				case 'e':
					o.echo = true
				case 'n', 's', 't':
				default:
					return o, fmt.Sprintf("nft: invalid option -- '%c'", letter)
				}
			}
		default:
			o.command = args[i:]
			return o, ""
		}
	}
	return o, ""
}

// script carries out all of the source, or nothing.
func (r *Ruleset) script(s *source, o options, readFile func(string) ([]byte, error), stderr io.Writer) int {
	actions, mistakes := parse(s, r.includer(readFile, 0))
	next := r.state.clone()
	for i := 0; i < len(actions) && len(mistakes) == 0; i++ {
		if m := next.apply(&actions[i]); m != nil {
			mistakes = append(mistakes, m)
		}
	}
	for _, m := range mistakes {
		fmt.Fprint(stderr, m.Error())
	}
	if len(mistakes) > 0 {
		return 1
	}
	if o.check {
		return 0
	}
	old := r.state
	r.state = next
	if err := r.keep(); err != nil {
		r.state = old
		fmt.Fprintf(stderr, "netlink: Error: %v\n", err)
		return 1
	}
	return 0
}

// includer reads included files; 16 levels deep, as nft does.
func (r *Ruleset) includer(readFile func(string) ([]byte, error), depth int) func(string) ([]action, []*mistake) {
	return func(path string) ([]action, []*mistake) {
		paths := []string{path}
		if strings.ContainsAny(path, "*?[") {
			paths = nil
			if r.glob != nil {
				paths = r.glob(path)
			}
		}
		var actions []action
		for _, path := range paths {
			s := &source{name: path}
			data, err := readFile(path)
			if err != nil || depth > 16 {
				return nil, one(&mistake{token{line: 1, from: 1, to: 1}, s, fmt.Sprintf("File not found: %s", path)})
			}
			s.lines = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
			more, mistakes := parse(s, r.includer(readFile, depth+1))
			if len(mistakes) > 0 {
				return nil, mistakes
			}
			actions = append(actions, more...)
		}
		return actions, nil
	}
}
