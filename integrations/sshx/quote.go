package sshx

import (
	"fmt"
	"strings"
)

// maxLine keeps a command below what Linux accepts as one argument (MAX_ARG_STRLEN, 128 KiB), because sshd hands the
// whole line to the login shell as one.
const maxLine = 120 << 10

// Quote writes s as one word of the POSIX shell (XCU 2.2.2): the shell reads back the same bytes, whatever they are but
// NUL, which no argument can hold.
func Quote(s string) string {
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// special reports whether r may mean something to a shell somewhere in a word. "=" is among them: it makes a first word
// an assignment.
func special(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("_-./:,+@%", r)
}

// line writes the command for the login shell of an account.
func (c Command) line(asRoot bool) (string, error) {
	words, err := c.words()
	if err != nil {
		return "", err
	}
	if c.Lock != "" {
		words = append([]string{"flock", "-w", c.lockSeconds(), "-E", fmt.Sprint(lockTaken), c.Lock}, words...)
	}
	if c.Sudo && !asRoot {
		words = append([]string{"sudo", "-n", "--"}, words...)
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		if strings.ContainsRune(word, 0) {
			return "", fmt.Errorf("argument %d holds a NUL byte, which no command can take", i)
		}
		quoted[i] = Quote(word)
	}
	line := strings.Join(quoted, " ")
	if len(line) > maxLine {
		return "", fmt.Errorf("the command is %d bytes long, above %d: pass what is long on standard input", len(line), maxLine)
	}
	return line, nil
}

func (c Command) words() ([]string, error) {
	switch {
	case len(c.Argv) > 0 && c.Script == "" && len(c.Args) == 0:
		return c.Argv, nil
	case len(c.Argv) == 0 && c.Script != "":
		return append([]string{"sh", "-c", c.Script, "fermata"}, c.Args...), nil
	}
	return nil, fmt.Errorf("a command has either Argv, or Script and its Args")
}

// lockTaken is what flock exits with if the lock stays taken; EX_TEMPFAIL of sysexits.h.
const lockTaken = 75

func (c Command) lockSeconds() string {
	if c.LockWait <= 0 {
		return "60"
	}
	return fmt.Sprint(max(1, int(c.LockWait.Seconds())))
}
