package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/secret"
	"fermata/config"
	"fermata/spec"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	in, folder, err := load(t, full)
	require.NoError(t, err)
	require.Equal(t, "berlin-lab", in.Name)
	require.Equal(t, config.Temporal{
		Profile: "lab", ConfigFile: filepath.Join(folder, "temporal.toml"), Address: "temporal.estate.test:7233", Namespace: "fermata",
		TLS: config.TLS{
			CA: filepath.Join(folder, "tls/ca.pem"), Cert: filepath.Join(folder, "tls/worker.pem"),
			Key: filepath.Join(folder, "tls/worker.key"), ServerName: "temporal",
		},
	}, in.Temporal)
	require.Equal(t, config.Encryption{Active: "k2", Keys: []config.Key{{ID: "k1", Secret: "secret://file/k1"}, {ID: "k2", Secret: "secret://env/K2"}}}, in.Encryption)
	require.Equal(t, config.Decisions{
		AllowedSigners: filepath.Join(folder, "allowed_signers"), Revoked: "/etc/fermata/revoked",
		Policy: filepath.Join(folder, "policy.yaml"), MaxAge: spec.Duration(12 * time.Hour),
	}, in.Decisions)
	require.Equal(t, filepath.Join(folder, "secrets"), in.Secrets.File.Folder)
	require.Equal(t, "FERMATA_SECRET_", in.Secrets.Env.Prefix)
	require.Equal(t, config.SecretAge{File: filepath.Join(folder, "secrets.age"), Identity: filepath.Join(folder, "age.key")}, *in.Secrets.Age)
	require.Equal(t, filepath.Join(folder, "records"), in.Records.Folder)
	require.Len(t, in.Systems, 2)
	require.Equal(t, "vcenter vsphere berlin", in.Systems[0].Name+" "+in.Systems[0].Type+" "+in.Systems[0].Site)
	require.Equal(t, filepath.Join(folder, "known_hosts"), in.Systems[1].Resolve("known_hosts"))
	require.Equal(t, "/known_hosts", in.Systems[1].Resolve("/known_hosts"))
	require.Empty(t, in.Systems[1].Resolve(""))
}

func TestDefaultMaxAge(t *testing.T) {
	t.Parallel()
	in, _, err := load(t, spoil(t, "    maxAge: 12h\n", ""))
	require.NoError(t, err)
	require.Equal(t, config.DefaultMaxAge, in.Decisions.MaxAge)
}

func TestBadInstallations(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]struct{ old, text, want string }{
		"kind":                 {"kind: Installation", "kind: Server", `2:7: kind: expected Installation, found "Server"`},
		"unknown section":      {"  records:\n    folder: records", "  record:\n    folder: records", `27:3: spec.record: unknown field "record"; did you mean "records"?`},
		"missing section":      {"  records:\n    folder: records\n", "", `5:1: spec.records: expected the field "records", found none`},
		"name":                 {"name: berlin-lab", "name: Berlin", "4:9: metadata.name: expected up to 63 lower-case"},
		"no name":              {"  name: berlin-lab\n", "  {}\n", `3:1: metadata.name: expected the field "name", found none`},
		"duplicate":            {"    profile: lab", "    profile: lab\n    profile: lab", `8:5: spec.temporal.profile: duplicate key "profile"; the first is in line 7`},
		"neither":              {"    profile: lab\n    configFile: temporal.toml\n    address: temporal.estate.test:7233\n", "", "6:3: spec.temporal.address: expected an address (host:port) or a profile, found neither"},
		"address":              {"address: temporal.estate.test:7233", "address: temporal.estate.test", `9:14: spec.temporal.address: expected host:port`},
		"address port":         {"address: temporal.estate.test:7233", "address: temporal.estate.test:0", `9:14: spec.temporal.address: expected host:port`},
		"cert without key":     {"key: tls/worker.key, ", "", "11:5: spec.temporal.tls.key: expected a file, found none"},
		"key without cert":     {"cert: tls/worker.pem, ", "", "11:5: spec.temporal.tls.cert: expected a file, found none"},
		"active":               {"active: k2", "active: k3", `13:13: spec.encryption.active: expected k1 or k2, found "k3"; did you mean`},
		"no keys":              {"    keys:\n      - {id: k1, secret: secret://file/k1}\n      - {id: k2, secret: secret://env/K2}\n", "    keys: []\n", "14:11: spec.encryption.keys: expected at least one key, found none"},
		"key twice":            {"{id: k1,", "{id: k2,", `16:14: spec.encryption.keys[1].id: expected a name of its own, found "k2"`},
		"key's id":             {"{id: k1,", "{id: 'k 1',", "15:14: spec.encryption.keys[0].id: expected up to 63 letters"},
		"literal for a secret": {"secret: secret://file/k1", "secret: hunter2", "15:26: spec.encryption.keys[0].secret: expected a reference secret://provider/name, found something else"},
		"number for a secret":  {"secret: secret://file/k1", "secret: 4711", "15:26: spec.encryption.keys[0].secret: expected text, found a number"},
		"unknown provider":     {"secret: secret://file/k1", "secret: secret://safe/k1", `15:26: spec.encryption.keys[0].secret: expected a secret of a provider that spec.secrets describes (age, env or file), found "safe"`},
		"empty policy":         {"policy: policy.yaml", "policy: ''", "21:13: spec.decisions.policy: expected text, found none"},
		"no signers":           {"    allowedSigners: allowed_signers\n", "", `17:3: spec.decisions.allowedSigners: expected the field`},
		"max age":              {"maxAge: 12h", "maxAge: 0s", "22:13: spec.decisions.maxAge: expected a length of time above zero"},
		"unit of max age":      {"maxAge: 12h", "maxAge: 1d", "22:13: spec.decisions.maxAge: expected a length of time in h, m or s"},
		"prefix":               {"FERMATA_SECRET_", "FERMATA-SECRET", "25:19: spec.secrets.env.prefix: expected the beginning"},
		"age without identity": {", identity: age.key", "", `26:5: spec.secrets.age.identity: expected the field`},
		"empty folder":         {"    folder: records", `    folder: ""`, "28:13: spec.records.folder: expected text, found none"},
		"line break":           {"    folder: records", `    folder: "a\nb"`, "28:13: spec.records.folder: expected one line"},
		"system twice":         {"name: lb", "name: vcenter", `37:13: spec.systems[1].name: expected a name of its own, found "vcenter", which spec.systems[0].name has too`},
		"system's name":        {"name: lb", "name: l b", "37:13: spec.systems[1].name: expected up to 63"},
		"system's type":        {"type: haproxy", `type: ""`, "38:13: spec.systems[1].type: expected up to 63"},
		"system without type":  {"\n      type: haproxy", "", `37:7: spec.systems[1].type: expected the field "type", found none`},
		"site":                 {"site: berlin", "site: Berlin Mitte", "32:13: spec.systems[0].site: expected up to 63"},
		"no rate":              {"type: haproxy", "type: haproxy\n      rate: 0", "39:13: spec.systems[1].rate: expected a number of activities a second above 0"},
		"a rate that is none":  {"type: haproxy", "type: haproxy\n      rate: .nan", "39:13: spec.systems[1].rate: expected a number of activities a second above 0"},
		"unknown in a system":  {"type: haproxy", "type: haproxy\n      confg: {}", `39:7: spec.systems[1].confg: unknown field "confg"; did you mean "config"?`},
		"second document":      {"type: haproxy", "type: haproxy\n---\na: b", "39:1: expected one document, found another"},
		"syntax":               {"type: haproxy", "type: [haproxy", "38:1: expected YAML: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, folder, err := load(t, spoil(t, bad.old, bad.text))
			require.Nil(t, in)
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 1+strings.Count(bad.text, "  record:\n"), err)
			said := strings.ReplaceAll(err.Error(), folder+"/", "") // The folder's name is random: it may hold any number.
			require.Contains(t, said, "fermata.yaml:"+bad.want)
			require.NotContains(t, said, "hunter2")
			require.NotContains(t, said, "4711")
		})
	}
}

func TestNoProviders(t *testing.T) {
	t.Parallel()
	text := spoil(t, "    file: {folder: secrets}\n    env: {prefix: FERMATA_SECRET_}\n    age: {file: secrets.age, identity: age.key}\n", "    {}\n")
	_, _, err := load(t, text)
	require.ErrorContains(t, err, "spec.secrets: expected at least one of age, env, exec, file and vault, found none")
	require.ErrorContains(t, err, `spec.encryption.keys[0].secret: expected a secret of a provider that spec.secrets describes, found "file"`)
}

func TestMissingAndLargeFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = load(t, full+strings.Repeat("#", 1<<20))
	require.ErrorContains(t, err, "expected at most 1 MiB")
}

type vsphere struct {
	URL      string        `yaml:"url"`
	User     string        `yaml:"user"`
	Password secret.Ref    `yaml:"password"`
	Timeout  time.Duration `yaml:"timeout"`
}

func TestDecodeSystem(t *testing.T) {
	t.Parallel()
	in, _, err := load(t, full)
	require.NoError(t, err)
	got := vsphere{Timeout: time.Minute}
	require.NoError(t, in.Systems[0].Decode(&got))
	require.Equal(t, vsphere{URL: "https://vcenter.estate.test/sdk", User: "fermata", Password: "secret://file/vcenter", Timeout: time.Minute}, got)

	untouched := vsphere{User: "kept"}
	require.NoError(t, in.Systems[1].Decode(&untouched), "a system without config is decoded to what was there")
	require.Equal(t, vsphere{User: "kept"}, untouched)
}

func TestDecodeSystemIsStrict(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]struct{ old, text, want string }{
		"unknown field":    {"user: fermata", "usre: fermata", `35:9: spec.systems[0].config.usre: unknown field "usre"; did you mean "user"?`},
		"duplicate":        {"user: fermata", "user: fermata\n        user: x", `36:9: spec.systems[0].config.user: duplicate key`},
		"wrong type":       {"user: fermata", "user: [fermata]", "35:15: spec.systems[0].config.user: expected text, found a list"},
		"literal":          {"secret://file/vcenter", "hunter2", "36:19: spec.systems[0].config.password: expected a reference secret://provider/name, found something else"},
		"unknown provider": {"secret://file/vcenter", "secret://safe/vcenter", `36:19: spec.systems[0].config.password: expected a secret of a provider that spec.secrets describes (age, env or file), found "safe"`},
		"duration":         {"user: fermata", "timeout: 10", "35:18: spec.systems[0].config.timeout: expected a length of time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, folder, err := load(t, spoil(t, bad.old, bad.text))
			require.NoError(t, err, "the integration's part is the integration's matter")
			var got vsphere
			err = in.Systems[0].Decode(&got)
			require.ErrorContains(t, err, folder+"/fermata.yaml:"+bad.want)
			require.Len(t, strings.Split(err.Error(), "\n"), 1)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// A spec's references have the form that package secret reads. Package spec has it written out, so that it needs nothing
// of the activities.
func TestSpecAndSecretAgree(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../examples/web-server.yaml")
	require.NoError(t, err)
	const ref = "secret://file/web-01-session-key"
	require.Contains(t, string(example), ref)
	for _, other := range []string{
		"secret://file/a", "secret://file/a/b.c-d_e", "secret://File/a", "secret:///a", "secret://file/", "secret://file/../a",
		"secret://file/a b", "secret://f1/A", "file/a", "secret://file/-a", "secret://1f/a",
		"secret://vault/kv/a#b", "secret://vault/kv/a@3", "secret://vault/kv/a#b@3", "secret://vault/kv/a@3#b", "secret://vault/kv/a#", "secret://vault/kv/a@",
		"secret://vault/kv/a#b#c", "secret://vault/kv/a#b/c", "secret://vault/kv/a@1@2", "secret://vault/kv/a#b..c", "secret://vault/kv/a@1..2",
		"secret://vault/kv/a@-1", "secret://vault/kv/a?version=3", "secret://vault/kv/a@" + strings.Repeat("1", 64), "secret://vault/kv/a@" + strings.Repeat("1", 65),
	} {
		_, _, want := secret.Ref(other).Parse()
		_, got := spec.Parse("f", []byte(strings.Replace(string(example), ref, "'"+other+"'", 1)))
		require.Equal(t, want == nil, got == nil, other)
	}
}
