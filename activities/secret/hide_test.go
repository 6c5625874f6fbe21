package secret

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHide(t *testing.T) {
	t.Parallel()
	token := NewValue([]byte("correct-horse-\"battery\"-staple\n"))
	for text, want := range map[string]string{
		"nothing of it": "nothing of it",
		"unknown setting correct-horse-\"battery\"-staple": "unknown setting ******",
		"cut short: correct-horse-":                        "cut short: ******",
		"its end: y\"-staple!":                             "its end: ******!",
		fmt.Sprintf("quoted %q.", token.Text()):            `quoted "******\******\******".`,
		"correct-horse- and -staple":                       "****** and -staple",
		"corr":                                             "corr",
		"":                                                 "",
	} {
		require.Equal(t, want, Hide(text, NewValue(nil), token), text)
	}
	require.Equal(t, "the PIN is ******", Hide("the PIN is 4711", NewValue([]byte("4711"))), "a short one is hidden whole")
	require.Equal(t, "a or b", Hide("a or b", NewValue([]byte("a"))), "one letter is no secret")
	require.Equal(t, "über ******", Hide("über äöüäöüß", NewValue([]byte("äöüäöüß"))), "no half of a letter is left")
}
