package operation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

type wall interface{ Name() string }

type edge string

func (e edge) Name() string { return string(e) }

// groups are never meant unless they are named.
type groups struct{ edge }

func (groups) OnlyByName() {}

func TestWhichSystemIsMeant(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		systems Systems[wall]
		asked   string
		want    string
	}{
		"the only one":               {Systems[wall]{"a": edge("a")}, "", "a"},
		"by name":                    {Systems[wall]{"a": edge("a"), "b": edge("b")}, "b", "b"},
		"the one that need no name":  {Systems[wall]{"a": edge("a"), "cloud": groups{"cloud"}}, "", "a"},
		"one that needs a name":      {Systems[wall]{"a": edge("a"), "cloud": groups{"cloud"}}, "cloud", "cloud"},
		"the only one, all the same": {Systems[wall]{"cloud": groups{"cloud"}}, "", "cloud"},
	} {
		got, err := x.systems.Get(x.asked)
		require.NoError(t, err, name)
		require.Equal(t, x.want, got.Name(), name)
	}
	for name, x := range map[string]struct {
		systems Systems[wall]
		asked   string
	}{
		"two":            {Systems[wall]{"a": edge("a"), "b": edge("b")}, ""},
		"two by name":    {Systems[wall]{"c": groups{"c"}, "d": groups{"d"}}, ""},
		"none":           {Systems[wall]{}, ""},
		"another's name": {Systems[wall]{"a": edge("a")}, "b"},
	} {
		_, err := x.systems.Get(x.asked)
		require.True(t, fault.Is(err, fault.Invalid), name)
	}
}
