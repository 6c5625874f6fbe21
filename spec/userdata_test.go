package spec_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

func withUserData(t *testing.T, cloudConfig string) error {
	t.Helper()
	lines := strings.Split(strings.TrimSpace("#cloud-config\n"+cloudConfig), "\n")
	text := spoil(t, full, "      #cloud-config\n      ssh_authorized_keys: [ssh-ed25519 AAAA]\n", "      "+strings.Join(lines, "\n      ")+"\n")
	_, err := spec.Parse("f", []byte(text))
	return err
}

func TestUserDataHoldsNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "correct-horse-battery"
	key := "-----BEGIN OPENSSH PRIVATE KEY-----" + canary
	for name, bad := range map[string]string{
		"password":         "password: " + canary,
		"chpasswd":         "chpasswd: {list: ['a:" + canary + "']}",
		"passwd":           "users: [{name: a, passwd: " + canary + "}]",
		"hashed_passwd":    "users: [{name: a, hashed_passwd: " + canary + "}]",
		"dbPassword":       "x: {dbPassword: " + canary + "}",
		"client-secret":    "x: {client-secret: " + canary + "}",
		"API_TOKEN":        "x: {API_TOKEN: " + canary + "}",
		"api_key":          "x: {api_key: " + canary + "}",
		"rsa_private":      "ssh_keys: {rsa_private: " + canary + "}",
		"private key":      "write_files: [{path: /a, content: '" + key + "'}]",
		"in base64":        "write_files: [{path: /a, encoding: b64, content: " + base64.StdEncoding.EncodeToString([]byte(key)) + "}]",
		"reference":        "write_files: [{path: /a, content: 'secret://file/" + canary + "'}]",
		"hash":             "x: [$6$salt$" + canary + "]",
		"command":          "runcmd: ['echo a:" + canary + " | chpasswd']",
		"assignment":       "runcmd: ['export DB_PASSWORD=" + canary + "']",
		"URL":              "runcmd: ['curl https://a:" + canary + "@b/']",
		"key of a mapping": "x: {? {password: " + canary + "} : 1}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := withUserData(t, bad)
			require.ErrorContains(t, err, "spec.access.userData: expected no secret in user data")
			require.NotContains(t, err.Error(), canary)
		})
	}
}

func TestUserDataHasOneOwnerForNames(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"hostname", "fqdn", "network", "preserve_hostname"} {
		err := withUserData(t, "packages: [curl]\n"+key+": x")
		require.ErrorContains(t, err, "f:26:7: spec.access.userData: expected no \""+key+"\"")
	}
}

func TestUserDataReportsEachPlace(t *testing.T) {
	t.Parallel()
	err := withUserData(t, "hostname: x\npassword: y\nusers:\n  - {name: a, passwd: z}")
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 3)
	require.True(t, strings.HasPrefix(lines[0], "f:25:7: "), lines[0])
	require.True(t, strings.HasPrefix(lines[1], "f:26:7: "), lines[1])
	require.True(t, strings.HasPrefix(lines[2], "f:28:21: "), lines[2])
}

func TestUserDataInAnotherStyle(t *testing.T) {
	t.Parallel()
	text := spoil(t, full, "|\n      #cloud-config\n      ssh_authorized_keys: [ssh-ed25519 AAAA]\n", `"#cloud-config\npassword: x\n"`+"\n")
	_, err := spec.Parse("f", []byte(text))
	require.ErrorContains(t, err, "f:23:15: spec.access.userData: expected no secret")
}

func TestUserDataThatIsFine(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"packages: [curl, passwd]",
		"users:\n  - name: ops\n    lock_passwd: true\n    ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ops]",
		"ssh_pwauth: false\ndisable_root: true",
		"runcmd: [[systemctl, enable, ssh]]",
		"apt: {sources: {x: {source: 'deb http://a.test/debian stable main'}}}",
	} {
		require.NoError(t, withUserData(t, good), good)
	}
}

func TestUserDataTooLarge(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, withUserData(t, "# "+strings.Repeat("x", 50<<10)), "expected at most 49152 bytes")
}
