package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/secret"
	"fermata/spec"
)

func FuzzLoad(f *testing.F) {
	f.Add([]byte("apiVersion: fermata/v1\nkind: Installation\nmetadata: {name: a}\nspec:\n  temporal: {address: 'a:1'}\n" +
		"  encryption: {active: a, keys: [{id: a, secret: 'secret://env/A'}]}\n  decisions: {allowedSigners: a}\n" +
		"  secrets: {env: {prefix: A_}}\n  records: {folder: a}\n  systems: [{name: a, type: b, config: {url: x, password: y}}]\n"))
	f.Add([]byte("apiVersion: fermata/v1\nkind: Installation\nspec: {systems: &a [{config: *a}]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := parse("f", data)
		if err != nil {
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			return
		}
		for _, system := range in.Systems {
			var into struct {
				URL      string         `yaml:"url"`
				Password secret.Ref     `yaml:"password"`
				Plain    map[string]any `yaml:"plain"`
			}
			if err := system.Decode(&into); err != nil {
				var problems spec.Problems
				require.ErrorAs(t, err, &problems)
			}
		}
	})
}
