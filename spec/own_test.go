package spec_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

const banner = `apiVersion: example.com/v1
kind: Banner
metadata: {name: shop, site: berlin}
spec: {text: "Closed on Sunday", days: 2, pages: [home, cart]}
`

func TestADocumentOfOnesOwn(t *testing.T) {
	t.Parallel()
	o, err := spec.ParseOwn("banner.yaml", []byte(banner))
	require.NoError(t, err)
	require.Equal(t, "banner/shop", o.Owner())
	text, err := json.Marshal(o)
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion":"example.com/v1","kind":"Banner","metadata":{"name":"shop","site":"berlin"},
		"spec":{"text":"Closed on Sunday","days":2,"pages":["home","cart"]}}`, string(text))
}

func TestADocumentOfOnesOwnIsRefused(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ text, says string }{
		"Fermata's own group":   {"apiVersion: fermata/v1\nkind: Banner\nmetadata: {name: shop}\n", "own.yaml:1:13: apiVersion: expected a group of your own"},
		"no group":              {"apiVersion: v1\nkind: Banner\nmetadata: {name: shop}\n", "expected a group of your own"},
		"no kind":               {"apiVersion: a/v1\nmetadata: {name: shop}\n", "kind"},
		"a kind that is a path": {"apiVersion: a/v1\nkind: ../Guard\nmetadata: {name: shop}\n", "kind: expected a word"},
		"no name":               {"apiVersion: a/v1\nkind: Banner\nmetadata: {site: x}\n", "name"},
		"a name that is a path": {"apiVersion: a/v1\nkind: Banner\nmetadata: {name: a/b}\n", "metadata.name: expected"},
		"another field":         {"apiVersion: a/v1\nkind: Banner\nmetadata: {name: shop}\nspecs: {}\n", "unknown field"},
		"no number of JSON's":   {"apiVersion: a/v1\nkind: Banner\nmetadata: {name: shop}\nspec: {n: .inf}\n", "spec: expected what JSON can hold"},
		"keys that are no text": {"apiVersion: a/v1\nkind: Banner\nmetadata: {name: shop}\nspec: {1: a}\n", "spec: expected what JSON can hold"},
		"a key twice":           {"apiVersion: a/v1\nkind: Banner\nmetadata: {name: shop}\nspec: {n: 1, n: 2}\n", "spec: expected values"},
		"nothing":               {"", "empty"},
	} {
		_, err := spec.ParseOwn("own.yaml", []byte(x.text))
		require.ErrorContains(t, err, x.says, name)
		require.ErrorAs(t, err, &spec.Problems{}, name)
	}
}
