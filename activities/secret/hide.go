package secret

import "strings"

// piece is how many bytes of a secret in a row give it away. Shorter secrets are hidden whole; below shortest they are
// none, and hiding them would make any text unreadable.
const (
	piece    = 8
	shortest = 4
)

// Hide puts asterisks in place of every piece of the secrets, also of one that was cut short or escaped: a program that
// is given a secret may quote any part of it when it says what is wrong.
func Hide(text string, secrets ...Value) string {
	hidden := make([]bool, len(text))
	found := false
	for _, s := range secrets {
		found = mark(hidden, text, s.Text()) || found
	}
	if !found {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			b.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString("******")
		}
	}
	return strings.ToValidUTF8(b.String(), "")
}

// mark notes which bytes of the text are a secret's.
func mark(hidden []bool, text, secret string) (found bool) {
	size := min(piece, len(secret))
	if size < shortest {
		return false
	}
	pieces := map[string]bool{}
	for i := range len(secret) - size + 1 {
		pieces[secret[i:i+size]] = true
	}
	for i := range len(text) - size + 1 {
		if pieces[text[i:i+size]] {
			found = true
			for j := i; j < i+size; j++ {
				hidden[j] = true
			}
		}
	}
	return found
}
