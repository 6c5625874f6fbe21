package guest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// sudoRule is what one line of sudoers(5) allows.
type sudoRule struct {
	who      string // User, or %group, or ALL.
	runas    []string
	free     bool     // Without a password.
	commands []string // ALL, or an absolute path with arguments.
}

var (
	sudoWho      = regexp.MustCompile(`^(%?[a-z_][a-z0-9_-]*\$?|ALL|[A-Z][A-Z0-9_]*)$`)
	sudoTag      = regexp.MustCompile(`^(NOPASSWD|PASSWD|NOEXEC|EXEC|SETENV|NOSETENV|LOG_INPUT|NOLOG_INPUT|LOG_OUTPUT|NOLOG_OUTPUT|MAIL|NOMAIL|FOLLOW|NOFOLLOW)\s*:\s*`)
	sudoAlias    = regexp.MustCompile(`^(User|Runas|Host|Cmnd|Cmd)_Alias\s+[A-Z][A-Z0-9_]*\s*=\s*\S`)
	sudoRunas    = regexp.MustCompile(`^\(([^()]*)\)\s*`)
	sudoDefaults = regexp.MustCompile(`^Defaults([@:!>][^ \t]+)?[ \t]+\S`)
	sudoWord     = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	escaped      = regexp.MustCompile(`\\.`)
	sudoInclude  = regexp.MustCompile(`^[@#](include|includedir)\s+/\S+$`)
)

// parseSudoers reads the main forms of sudoers(5). bad is the number of the first line that is none; 0: there is none.
func parseSudoers(text string) (rules []sudoRule, bad int) {
	text = strings.ReplaceAll(text, "\\\n", "  ")
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case sudoInclude.MatchString(line), sudoDefaults.MatchString(line), sudoAlias.MatchString(line):
			continue
		case line == "", strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(line, "Defaults"), strings.HasPrefix(line, "@"):
			return rules, i + 1
		}
		line, _, _ = strings.Cut(line, "#")
		rule, ok := parseRule(line)
		if !ok {
			return rules, i + 1
		}
		rules = append(rules, rule)
	}
	return rules, 0
}

// parseRule reads "who hosts = (runas) TAG: command, command".
func parseRule(line string) (rule sudoRule, ok bool) {
	head, list, found := strings.Cut(line, "=")
	words := strings.Fields(head)
	if !found || len(words) < 2 || !sudoWho.MatchString(words[0]) {
		return rule, false
	}
	rule = sudoRule{who: words[0], runas: []string{"root"}}
	list = strings.TrimSpace(list)
	if m := sudoRunas.FindStringSubmatch(list); m != nil {
		users, _, _ := strings.Cut(m[1], ":")
		rule.runas = strings.FieldsFunc(users, func(r rune) bool { return r == ',' || r == ' ' })
		list = list[len(m[0]):]
	}
	for m := sudoTag.FindString(list); m != ""; m = sudoTag.FindString(list) {
		switch tag := strings.TrimRight(m, ": \t"); tag {
		case "NOPASSWD", "PASSWD":
			rule.free = tag == "NOPASSWD"
		}
		list = list[len(m):]
	}
	for _, command := range splitCommands(list) {
		if !validCommand(command) {
			return rule, false
		}
		rule.commands = append(rule.commands, command)
	}
	return rule, len(rule.commands) > 0
}

// splitCommands splits at commas that no backslash stands before.
func splitCommands(list string) []string {
	var all []string
	begin := 0
	for i := range len(list) {
		if list[i] == ',' && (i == 0 || list[i-1] != '\\') {
			all = append(all, strings.TrimSpace(list[begin:i]))
			begin = i + 1
		}
	}
	return append(all, strings.TrimSpace(list[begin:]))
}

// validCommand knows ALL, aliases, sudoedit, and absolute paths, whose arguments escape what has a meaning (sudoers(5), "Other
// special characters").
func validCommand(command string) bool {
	command = strings.TrimSpace(strings.TrimLeft(command, "! "))
	name, args, _ := strings.Cut(command, " ")
	if sudoWord.MatchString(command) || name == "sudoedit" {
		return true
	}
	plain := escaped.ReplaceAllString(args, "")
	return path.IsAbs(name) && !strings.ContainsAny(name, `:="`) && path.Base(name) != "sudoedit" && !strings.ContainsAny(plain, `:=\`)
}

// sudoRules are those of all files that sudo reads: it ignores names with a dot or a tilde at the end, and files that others
// than root may write.
func (m *Machine) sudoRules() []sudoRule {
	v := m.files.as(root)
	main, _ := v.readFile("/etc/sudoers")
	rules, _ := parseSudoers(string(main))
	entries, err := v.readDir("/etc/sudoers.d")
	if err != nil {
		return rules
	}
	for _, entry := range entries {
		name := "/etc/sudoers.d/" + entry.Name()
		i, statErr := v.stat(name)
		data, err := v.readFile(name)
		if err != nil || statErr != nil || strings.Contains(entry.Name(), ".") || strings.HasSuffix(entry.Name(), "~") {
			continue
		}
		if i.uid != root.uid || i.Mode().Perm()&0o022 != 0 {
			continue
		}
		more, _ := parseSudoers(string(data))
		rules = append(rules, more...)
	}
	return rules
}

// maySudo reports whether a user may run a program, by its path, as another without a password. The last rule that fits counts.
func (m *Machine) maySudo(user account, as, program string, args []string) bool {
	if user.name == root.name {
		return true
	}
	free := false
	for _, rule := range m.sudoRules() {
		if !m.concerns(rule.who, user) || !slices.Contains(rule.runas, "ALL") && !slices.Contains(rule.runas, as) {
			continue
		}
		for _, command := range rule.commands {
			if banned := strings.HasPrefix(command, "!"); fitsCommand(strings.TrimLeft(command, "! "), program, args) {
				free = rule.free && !banned
			}
		}
	}
	return free
}

func (m *Machine) concerns(who string, user account) bool {
	if group, ok := strings.CutPrefix(who, "%"); ok {
		_, gid, known := m.lookupGroup(group)
		return known && (user.gid == gid || slices.Contains(user.groups, gid))
	}
	return who == "ALL" || who == user.name
}

// fitsCommand compares as sudo does: without arguments in the rule any do, "" wants none, a star fits blanks too.
func fitsCommand(rule, program string, args []string) bool {
	if rule == "ALL" {
		return true
	}
	name, wanted, _ := strings.Cut(rule, " ")
	if name != program && !(strings.HasSuffix(name, "/") && path.Dir(program)+"/" == name) {
		return false
	}
	given := strings.Join(args, " ")
	switch wanted = strings.TrimSpace(wanted); {
	case wanted == "":
		return true
	case wanted == `""`:
		return given == ""
	case strings.HasPrefix(wanted, "^") && strings.HasSuffix(wanted, "$"):
		re, err := regexp.Compile(wanted)
		return err == nil && re.MatchString(given)
	}
	return globOf(wanted).MatchString(given)
}

// globOf is a pattern of fnmatch(3) without FNM_PATHNAME.
func globOf(pattern string) *regexp.Regexp {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '*':
			b.WriteString("(?s:.*)")
		case c == '?':
			b.WriteString("(?s:.)")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile("^" + b.String() + "$")
}

// visudo is visudo -c: whether rules can be read.
func visudo(c Call) int {
	f, err := getopt(c.Args[1:], "c check f: file: q quiet s strict")
	if err != nil || !f.has("c", "check") {
		return c.Fail(1, "only -c is supported here")
	}
	file := cmpOr(f.value("f", "file"), "/etc/sudoers")
	data, err := c.ReadFile(file)
	if err != nil {
		return c.Fail(1, "unable to open %s: %s", file, reason(err))
	}
	if _, bad := parseSudoers(string(data)); bad > 0 {
		line := strings.Split(string(data), "\n")[bad-1]
		what := "syntax error"
		if strings.Contains(line, "/sudoedit") {
			what = "sudoedit should not be specified with a path"
		}
		fmt.Fprintf(c.Stderr, "%s:%d:%d: %s\n%s\n", file, bad, len(line), what, line)
		return 1
	}
	c.Print("%s: parsed OK\n", file)
	return 0
}
