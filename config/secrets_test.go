package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/config"
	"fermata/spec"
)

// more is what full has not: the providers that reach out. It stands from line 27 on.
const more = `    vault:
      address: https://vault.estate.test:8200
      ca: vault-ca.pem
      namespace: team-a/web
      timeout: 5s
      auth: {approle: {roleId: 7d1b, secretIdFile: vault-secret-id, mount: approle}}
      writable: [kv/web-01, kv/db/main]
    exec:
      command: [/usr/local/lib/fermata/helper, --store, x]
      timeout: 3s
      env: [HOME, AWS_PROFILE]
`

func withMore(t *testing.T, old, text string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(more, old), "%q", old)
	return spoil(t, "  records:\n", strings.Replace(more, old, text, 1)+"  records:\n")
}

func TestLoadMoreProviders(t *testing.T) {
	t.Parallel()
	in, folder, err := load(t, withMore(t, "5s", "5s"))
	require.NoError(t, err)
	require.Equal(t, config.SecretVault{
		Address: "https://vault.estate.test:8200", CA: filepath.Join(folder, "vault-ca.pem"), Namespace: "team-a/web", Timeout: spec.Duration(5 * time.Second),
		Writable: []string{"kv/web-01", "kv/db/main"},
		Auth:     config.VaultAuth{AppRole: &config.VaultAppRole{RoleID: "7d1b", SecretIDFile: filepath.Join(folder, "vault-secret-id"), Mount: "approle"}},
	}, *in.Secrets.Vault)
	require.Equal(t, config.SecretExec{
		Command: []string{"/usr/local/lib/fermata/helper", "--store", "x"}, Timeout: spec.Duration(3 * time.Second), Env: []string{"HOME", "AWS_PROFILE"},
	}, *in.Secrets.Exec)

	in, folder, err = load(t, withMore(t, "{approle: {roleId: 7d1b, secretIdFile: vault-secret-id, mount: approle}}", "{tokenFile: token}"))
	require.NoError(t, err)
	require.Equal(t, config.VaultAuth{TokenFile: filepath.Join(folder, "token")}, in.Secrets.Vault.Auth)
	in, _, err = load(t, strings.Replace(withMore(t, "timeout: 5s", "timeout: 5s"), "secret://file/k1", "secret://vault/kv/fermata#key@3", 1))
	require.NoError(t, err)
	require.Equal(t, "3", in.Encryption.Keys[0].Secret.Version())
}

func TestBadProviders(t *testing.T) {
	t.Parallel()
	const auth = "auth: {approle: {roleId: 7d1b, secretIdFile: vault-secret-id, mount: approle}}"
	for name, bad := range map[string]struct{ old, text, want string }{
		"address":             {"https://vault.estate.test:8200", "vault.estate.test:8200", "28:16: spec.secrets.vault.address: expected the address of the API"},
		"plain http":          {"https://vault.estate.test:8200", "http://vault.estate.test:8200", "28:16: spec.secrets.vault.address: expected https"},
		"path":                {"https://vault.estate.test:8200", "https://vault.estate.test/v1", "28:16: spec.secrets.vault.address: expected the address of the API"},
		"password in it":      {"https://vault.estate.test:8200", "https://hunter2:hunter2@vault.estate.test", "28:16: spec.secrets.vault.address: expected the address of the API"},
		"no address":          {"      address: https://vault.estate.test:8200\n", "", "27:5: spec.secrets.vault.address: expected the field"},
		"ca":                  {"vault-ca.pem", `""`, "29:11: spec.secrets.vault.ca: expected text, found none"},
		"namespace":           {"team-a/web", "/team-a/", "30:18: spec.secrets.vault.namespace: expected a path"},
		"namespace out":       {"team-a/web", "a/..", "30:18: spec.secrets.vault.namespace: expected a path"},
		"timeout":             {"timeout: 5s", "timeout: 0s", "31:16: spec.secrets.vault.timeout: expected a length of time above zero"},
		"no auth":             {"      " + auth + "\n", "", "27:5: spec.secrets.vault.auth: expected the field"},
		"neither":             {auth, "auth: {}", "32:13: spec.secrets.vault.auth: expected approle or tokenFile, found neither"},
		"both":                {"mount: approle}}", "mount: approle}, tokenFile: t}", "spec.secrets.vault.auth.tokenFile: expected either approle or tokenFile, found both"},
		"literal token":       {auth, "auth: {tokenFile: t, token: hunter2}", `32:28: spec.secrets.vault.auth.token: unknown field "token"; valid here: approle, tokenFile`},
		"token for file":      {auth, "auth: {tokenFile: hvs.hunter2}", "32:25: spec.secrets.vault.auth.tokenFile: expected the path of a file, found what looks like a token"},
		"reference":           {auth, "auth: {tokenFile: secret://vault/kv/a#b}", "32:25: spec.secrets.vault.auth.tokenFile: expected the path of a file, found a reference"},
		"secret id reference": {"secretIdFile: vault-secret-id", "secretIdFile: secret://file/a", "spec.secrets.vault.auth.approle.secretIdFile: expected the path of a file, found a reference"},
		"literal secret id":   {"secretIdFile: vault-secret-id", "secretId: hunter2, secretIdFile: a", `spec.secrets.vault.auth.approle.secretId: unknown field "secretId"`},
		"no role":             {"roleId: 7d1b, ", "", "spec.secrets.vault.auth.approle.roleId: expected the field"},
		"empty role":          {"roleId: 7d1b", "roleId: ''", "spec.secrets.vault.auth.approle.roleId: expected text, found none"},
		"mount of the method": {"mount: approle", "mount: a/", "spec.secrets.vault.auth.approle.mount: expected a path"},
		"writable":            {"[kv/web-01, kv/db/main]", "[kv/web-01, /kv/]", "33:29: spec.secrets.vault.writable[1]: expected a path"},
		"writable out":        {"[kv/web-01, kv/db/main]", "[kv/..]", "33:18: spec.secrets.vault.writable[0]: expected a path"},
		"writable with field": {"[kv/web-01, kv/db/main]", "['kv/db#password']", "33:18: spec.secrets.vault.writable[0]: expected a path"},
		"all writable":        {"[kv/web-01, kv/db/main]", "true", "33:17: spec.secrets.vault.writable: expected a list"},
		"no command":          {"      command: [/usr/local/lib/fermata/helper, --store, x]\n", "", "34:5: spec.secrets.exec.command: expected the field"},
		"empty command":       {"[/usr/local/lib/fermata/helper, --store, x]", "[]", "35:16: spec.secrets.exec.command: expected a program and its arguments, found none"},
		"a line":              {"[/usr/local/lib/fermata/helper, --store, x]", "/bin/helper x", "35:16: spec.secrets.exec.command: expected a list, found text"},
		"relative":            {"/usr/local/lib/fermata/helper", "bin/helper", "35:17: spec.secrets.exec.command[0]: expected the absolute path"},
		"helper's timeout":    {"timeout: 3s", "timeout: -3s", "36:16: spec.secrets.exec.timeout: expected a length of time"},
		"variable":            {"AWS_PROFILE", "AWS_PROFILE=hunter", "37:19: spec.secrets.exec.env[1]: expected the name of a variable"},
		"unknown":             {"timeout: 3s", "shell: true", "36:7: spec.secrets.exec.shell: unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, _, err := load(t, withMore(t, bad.old, bad.text))
			require.Nil(t, in)
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			require.Contains(t, err.Error(), bad.want)
			require.Len(t, problems, 1, err)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

const ageKey = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

func withAge(t *testing.T, more string) string {
	t.Helper()
	return spoil(t, "identity: age.key}", "identity: age.key"+more+"}")
}

func TestLoadAWritableAgeFile(t *testing.T) {
	t.Parallel()
	in, folder, err := load(t, withAge(t, ", writable: true, recipients: ["+ageKey+"]"))
	require.NoError(t, err)
	require.Equal(t, config.SecretAge{
		File: filepath.Join(folder, "secrets.age"), Identity: filepath.Join(folder, "age.key"), Writable: true, Recipients: []string{ageKey},
	}, *in.Secrets.Age)
	in, _, err = load(t, withAge(t, ", writable: false"))
	require.NoError(t, err)
	require.False(t, in.Secrets.Age.Writable)
}

func TestBadAgeFiles(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		", writable: true":                                                      "spec.secrets.age.recipients: expected the public keys of all who read the file, found none",
		", writable: true, recipients: []":                                      "spec.secrets.age.recipients: expected the public keys",
		", writable: true, recipients: hunter2":                                 "spec.secrets.age.recipients: expected a list",
		", writable: true, recipients: [AGE-SECRET-KEY-1HUNTER2]":               "spec.secrets.age.recipients[0]: expected a public key",
		", writable: true, recipients: [" + ageKey + ", 'ssh-ed25519 hunter2']": "spec.secrets.age.recipients[1]: expected a public key",
		", writable: hunter2":                                                   "spec.secrets.age.writable: expected",
	} {
		_, _, err := load(t, withAge(t, more))
		var problems spec.Problems
		require.ErrorAs(t, err, &problems, more)
		require.ErrorContains(t, err, want)
		require.Len(t, problems, 1, err)
		require.NotContains(t, err.Error(), "HUNTER2")
	}
}
