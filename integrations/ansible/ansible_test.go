package ansible

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations"
	"fermata/integrations/sshx"
)

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGLh9O3lDBRcmVnmCFSIm5s7mNvGLmy1eJOQDe9Kqc1S"

func good() Config { return Config{Project: "/srv/ansible", Key: "secret://file/key"} }

func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(*Config)
		text  string
	}{
		"no project":        {func(c *Config) { c.Project = "" }, "project is missing"},
		"no key":            {func(c *Config) { c.Key = "" }, "key is missing"},
		"no reference":      {func(c *Config) { c.Key = "hunter2" }, "no secret reference"},
		"program in PATH":   {func(c *Config) { c.Program = "ansible-playbook" }, "program: expected the absolute path"},
		"two words":         {func(c *Config) { c.Python = "/usr/bin/env python3" }, "python: expected the absolute path"},
		"python, a detour":  {func(c *Config) { c.Python = "/usr/../bin/python3" }, "python: expected the absolute path"},
		"collections":       {func(c *Config) { c.Collections = []string{"a:b"} }, "collections: expected absolute paths"},
		"no time":           {func(c *Config) { c.Timeout = time.Millisecond }, "must be 1s or more"},
		"no wait":           {func(c *Config) { c.LockWait = -time.Second }, "must be 1s or more"},
		"a CA that is none": {func(c *Config) { c.HostCA = []string{"x"} }, "hostCA"},
		"a jump unknown":    {func(c *Config) { c.Jump = &sshx.Config{Address: "jump", User: "a"} }, "cannot be recognised"},
	} {
		cfg := good()
		x.spoil(&cfg)
		_, err := New(cfg, integrations.Environment{})
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, x.text, name)
	}
	_, err := New(good(), integrations.Environment{})
	require.NoError(t, err)
}

func TestAWorkerWithoutAnsibleSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	cfg := good()
	cfg.Project, cfg.Program = t.TempDir(), "/nonesuch/ansible-playbook"
	r, err := New(cfg, integrations.Environment{})
	require.NoError(t, err, "it keeps the worker from nothing else")
	err = r.Check(t.Context())
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "apt-get install ansible-core")
	cfg.Program = filepath.Join(t.TempDir(), "ansible-playbook")
	require.NoError(t, os.WriteFile(cfg.Program, nil, 0o600))
	_, err = cfg.program()
	require.ErrorContains(t, err, "is no program")
}

// Every text is tagged, in whatever depth: Ansible evaluates none of it. Texts of YAML's own stay texts.
func TestVariablesAreData(t *testing.T) {
	t.Parallel()
	texts := []string{"{{ lookup('pipe', 'id') }}", "yes", "null", "1", "", "a: b", "- a", "*a", "&a", "!vault x", "a\nb\tc\u0085\u2028\x7f", "{% raw %}", "\\", `"`, "'", "# a"}
	given := map[string]any{"list": texts, "deep": map[string]any{"{{ key }}": []any{map[string]any{"a": texts[0]}}}, "n": 1, "f": 1.5, "b": true, "none": nil, "big": json.Number("9007199254740992")}
	play := configuration.Play{Variables: map[string]json.RawMessage{}}
	for name, value := range given {
		raw, err := json.Marshal(value)
		require.NoError(t, err)
		play.Variables[name] = raw
	}
	data, err := encoded(play, configuration.Values{"password": secret.NewValue([]byte("{{ 6 * 7 }}\n"))})
	require.NoError(t, err)
	var root yaml.Node
	require.NoError(t, yaml.Unmarshal(data, &root))
	var tagged []string
	var walk func(node *yaml.Node, isKey bool)
	walk = func(node *yaml.Node, isKey bool) {
		if node.Kind == yaml.ScalarNode && !isKey {
			if node.Tag == "!unsafe" {
				tagged = append(tagged, node.Value)
			} else {
				require.Contains(t, []string{"!!int", "!!float", "!!bool", "!!null"}, node.Tag, node.Value)
			}
		}
		for i, child := range node.Content {
			walk(child, node.Kind == yaml.MappingNode && i%2 == 0)
		}
	}
	walk(&root, false)
	require.ElementsMatch(t, append(texts, texts[0], "{{ 6 * 7 }}"), tagged)
}

func TestHosts(t *testing.T) {
	t.Parallel()
	cfg := good()
	cfg.Jump = &sshx.Config{Address: "bastion.example.net", User: "fermata", HostKeys: []string{hostKey}, Jump: &sshx.Config{Address: "[2001:db8::1]:2222", User: "outer", Key: "secret://file/outer", HostKeys: []string{hostKey}}}
	r, err := New(cfg, integrations.Environment{})
	require.NoError(t, err)
	host := configuration.Host{Name: "web-01", Address: "10.20.0.11", User: "deploy", Keys: []string{hostKey + " a comment\n"}}
	hops, err := r.hops(host)
	require.NoError(t, err)
	m := &room{folder: t.TempDir()}
	require.NoError(t, r.configure(m, hops))
	known, err := os.ReadFile(m.path("known_hosts"))
	require.NoError(t, err)
	require.Equal(t, []string{"web-01 " + hostKey, "bastion.example.net " + hostKey, "[2001:db8::1]:2222 " + hostKey}, strings.Split(strings.TrimSpace(string(known)), "\n"))
	config, err := os.ReadFile(m.path("ssh_config"))
	require.NoError(t, err)
	for _, part := range []string{
		"Host 10.20.0.11\n\tHostName 10.20.0.11\n\tPort 22\n\tUser deploy\n", "HostKeyAlias web-01", "ProxyJump fermata-jump-1\nHost fermata-jump-1\n\tHostName bastion.example.net\n\tPort 22\n\tUser fermata",
		"ProxyJump fermata-jump-2\nHost fermata-jump-2\n\tHostName 2001:db8::1\n\tPort 2222\n\tUser outer", "StrictHostKeyChecking yes", "GlobalKnownHostsFile none",
	} {
		require.Contains(t, string(config), part)
	}
	require.Equal(t, []string{"secret://file/key", "secret://file/key", "secret://file/outer"}, []string{string(hops[0].key), string(hops[1].key), string(hops[2].key)})
	theirs, err := os.ReadFile(m.path("ssh_config_ansible"))
	require.NoError(t, err)
	require.Contains(t, string(theirs), "ProxyCommand /bin/false", "Ansible has no way of its own")
	require.NotContains(t, string(theirs), "HostName")

	for name, spoil := range map[string]func(*configuration.Host){
		"a zone":        func(h *configuration.Host) { h.Address = "fe80::1%eth0" },
		"a name":        func(h *configuration.Host) { h.Address = "localhost" },
		"another line":  func(h *configuration.Host) { h.User = "deploy\n\tProxyCommand id" },
		"another alias": func(h *configuration.Host) { h.Name = "web-01\n\tProxyCommand id" },
		"no keys":       func(h *configuration.Host) { h.Keys = nil },
	} {
		bent := host
		spoil(&bent)
		_, err := r.hops(bent)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", name, err)
	}
	hops[0].hostKeys = []string{hostKey + "\n@cert-authority * " + hostKey}
	require.NoError(t, r.configure(m, hops))
	known, err = os.ReadFile(m.path("known_hosts"))
	require.NoError(t, err)
	require.NotContains(t, string(known), "@cert-authority", "a key is one key")
}

func TestWhatAConnectionThatFailsSays(t *testing.T) {
	t.Parallel()
	r := &Runner{cfg: good()}
	h := configuration.Host{Name: "web-01", Address: "10.20.0.11", User: "deploy"}
	for complaint, kind := range map[string]fault.Kind{
		"Host key verification failed.": fault.Unauthorized, "deploy@10.20.0.11: Permission denied (publickey).": fault.Unauthorized,
		"Unable to negotiate: no matching host key type found": fault.Unauthorized, "sudo: a password is required": fault.Unauthorized,
		"sh: 1: flock: not found": fault.Invalid, "ssh: connect to host 10.20.0.11 port 22: Connection refused": fault.Unavailable,
		"Connection timed out during banner exchange": fault.Unavailable, "": fault.Unavailable,
	} {
		require.Equal(t, kind, fault.KindOf(r.refused(h, "", "", complaint)), complaint)
	}
	require.ErrorContains(t, r.refused(h, busy, "RUN/configuration.site/web-01", ""), "the play RUN/configuration.site/web-01 holds its lock")
	require.ErrorContains(t, r.refused(h, busy, "", ""), "another command of Fermata")
}

func TestEventsHideAndAreBounded(t *testing.T) {
	t.Parallel()
	values := configuration.Values{"p": secret.NewValue([]byte("cAnaRy-hunter2"))}
	var said []string
	s := &story{host: "web-01", hide: values.Hide, say: func(text string) { said = append(said, text) }}
	lines := []string{
		`no event`, `{"event":"task","task":"log in with cAnaRy-hunter2\u001b[2J"}`,
		`{"event":"result","status":"ok","changed":true,"task":"write cAnaRy-hunter2","diff":"+cAnaRy-hunter2\n` + strings.Repeat("x", mostDiff) + `"}`,
		`{"event":"result","status":"ignored","task":"x","message":"not it"}`,
		`{"event":"result","status":"failed","task":"break","message":"with cAnaRy-hunter2 ` + strings.Repeat("y", 5000) + `"}`,
		`{"event":"recap","host":"localhost","recap":{"failures":7}}`, `{"event":"recap","host":"web-01","recap":{"ok":1,"changed":1,"failures":1}}`,
	}
	listen(strings.NewReader(strings.Join(lines, "\n")), s.hear)
	require.Equal(t, []string{"task 1: log in with ****** [2J"}, said)
	require.Equal(t, "write ******", s.changes[0].Name)
	require.True(t, strings.HasPrefix(s.changes[0].Diff, "+******\nxx"))
	require.Less(t, len(s.changes[0].Diff), mostDiff+10)
	require.Equal(t, "break", s.failed)
	require.True(t, strings.HasPrefix(s.message, "with ****** yy"))
	require.Less(t, len(s.message), mostText+10)
	require.Equal(t, configuration.Recap{OK: 1, Changed: 1, Failed: 1}, s.recap)
}

// A room that somebody works in stays; one whose worker was killed is swept away.
func TestRoomsAreSweptAway(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(project, "site.yml"), nil, 0o600))
	cfg := good()
	cfg.Project = project
	r, err := New(cfg, integrations.Environment{})
	require.NoError(t, err)
	used, err := r.prepare(configuration.Play{})
	require.NoError(t, err)
	defer used.close()
	left, err := r.prepare(configuration.Play{})
	require.NoError(t, err)
	require.NoError(t, left.lock.Close())
	sweep()
	require.NoDirExists(t, left.folder)
	require.FileExists(t, used.path("project/site.yml"))
	info, err := os.Stat(used.folder)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}
