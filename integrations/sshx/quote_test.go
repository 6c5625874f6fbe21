package sshx_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"fermata/integrations/sshx"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":            `''`,
		"/srv/data":   `/srv/data`,
		"name=1.2":    `'name=1.2'`,
		"it's":        `'it'\''s'`,
		"'":           `''\'''`,
		"a b":         `'a b'`,
		"$(id)":       `'$(id)'`,
		"~root":       `'~root'`,
		"#no comment": `'#no comment'`,
		"é":           `'é'`,
	} {
		require.Equal(t, want, sshx.Quote(in))
	}
}

// FuzzQuote: a shell that parses and expands the quoted word has the same bytes again, and exactly one word.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "a", "it's", "''", "$x `y` \\", "a\nb\r\n", "\xff", "-n", "A=b", "{a,b}", "~", "*", "é'\\''"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if strings.ContainsRune(word, 0) || !utf8.ValidString(word) || strings.Contains(word, "\r\n") {
			return // No argument can hold NUL; the other two this parser, unlike a shell, does not take.
		}
		file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader("args "+sshx.Quote(word)), "")
		require.NoError(t, err)
		require.Len(t, file.Stmts, 1)
		call, ok := file.Stmts[0].Cmd.(*syntax.CallExpr)
		require.True(t, ok)
		fields, err := expand.Fields(nil, call.Args...)
		require.NoError(t, err)
		require.Equal(t, []string{"args", word}, fields)
	})
}
