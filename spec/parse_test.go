package spec_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

// badDocument is a good one with one place spoilt, and the lines of the error, without the file's name.
type badDocument struct {
	name, old, text string
	schema          bool // The JSON Schema refuses it too.
	want            []string
}

func badDocuments() []badDocument { return slices.Concat(badForms, badMachines, badGuests, badNames) }

func TestBadDocuments(t *testing.T) {
	t.Parallel()
	for _, bad := range badDocuments() {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			server, err := spec.Parse("bad.yaml", []byte(spoil(t, full, bad.old, bad.text)))
			require.Nil(t, server)
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			want := make([]string, len(bad.want))
			for i, line := range bad.want {
				want[i] = "bad.yaml:" + line
			}
			require.Equal(t, want, strings.Split(err.Error(), "\n"))
			require.NotContains(t, err.Error(), "hunter2", "an error repeats a secret")
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("cpus: 2", "cpus: 0", "port: 22", "prot: 22", "size: 20GiB", "size: 20", "backend: web", "backend: a b").Replace(full)
	_, err := spec.Parse("f", []byte(text))
	var problems spec.Problems
	require.ErrorAs(t, err, &problems)
	paths := make([]string, len(problems))
	for i, problem := range problems {
		paths[i] = problem.Path
	}
	require.Equal(t, []string{"spec.compute.cpus", "spec.access.prot", "spec.storage[0].size", "spec.loadBalancer.backend"}, paths)
}

func TestWholeFile(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'k'; i++ {
		last := string(i - 1)
		bomb += string(i) + ": &" + string(i) + " [" + strings.TrimSuffix(strings.Repeat("*"+last+",", 9), ",") + "]\n"
	}
	inList := strings.Replace(full, "packages: [curl, \"jq=1.6-2.1\"]", "packages: &a ["+strings.Repeat("x,", 60_000)+"]", 1)
	for name, bad := range map[string]struct{ text, want string }{
		"empty":        {"", "f:1:1: expected a document, found an empty file"},
		"only comment": {"# nothing\n", "f:1:1: expected a document, found an empty file"},
		"too large":    {full + strings.Repeat("#", 1<<20), "f:1:1: expected at most 1 MiB"},
		"list":         {"- a\n", "f:1:1: expected a mapping with apiVersion, kind, metadata and spec, found a list"},
		"bomb":         {bomb, `f:1:1: apiVersion: expected the field "apiVersion"`},
		"bomb inside":  {inList, "expected at most 50000 values"},
		"self":         {strings.Replace(full, "labels: {team: shop}", "labels: &a {team: *a}", 1), "f:5:"},
		"binary":       {"\x00\x01", "f:1:1: expected YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := spec.Parse("f", []byte(bad.text))
			require.ErrorContains(t, err, bad.want)
		})
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	t.Parallel()
	_, err := spec.Parse("f", []byte(strings.Replace(full, "[curl,", "["+strings.Repeat("BAD,", 500), 1)))
	var problems spec.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 101)
	require.Contains(t, err.Error(), "more problems follow")
}

func TestGoodDocuments(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"as it is":             {"web-01", "web-01"},
		"alias":                {"owner: hello:hello", "owner: &o hello:hello"},
		"address of a pair":    {"address: 10.20.0.11/24\n    gateway: 10.20.0.1", "address: 10.20.0.10/31\n    gateway: 10.20.0.11"},
		"one address":          {"address: 10.20.0.11/24\n    gateway: 10.20.0.1", "address: 10.20.0.11/32"},
		"no application":       {full[strings.Index(full, "  application:"):strings.Index(full, "  firewall:")], ""},
		"empty file":           {"content: hello", `content: ""`},
		"lock_passwd":          {"ssh_authorized_keys: [ssh-ed25519 AAAA]", "users: [{name: a, lock_passwd: true}]"},
		"empty lists":          {`packages: [curl, "jq=1.6-2.1"]`, "packages: []"},
		"file beside a mount":  {"path: /etc/motd", "path: /srv/database"},
		"file on a volume":     {"path: /etc/hello/hello.conf", "path: /srv/data/hello.conf"},
		"probers":              {"{port: 8080, path: /healthz}", "{system: inside, port: 8080, path: /healthz}"},
		"prober of users":      {"verify: http://www.estate.test/", "verify: http://www.estate.test/\n    verifySystem: outside"},
		"mount inside a mount": {"  os:\n", "    - {name: in, size: 1GiB, mount: /srv/data/in, filesystem: xfs}\n  os:\n"},
		"condition":            {`"listen {{ .Address }}"`, `"{{ if and .Domain (eq .Port 8080) }}{{ .Name }}{{ else }}x{{ end }}"`},
		"archive": {
			"package:\n      name: hello-web\n      version: 1.2.0",
			"archive: {url: 'https://a.test/b.tgz', sha256: '" + strings.Repeat("aB", 32) + "', into: /opt/hello}",
		},
		"repository": {"version: 1.2.0", "version: 1.2.0\n      repository:\n        uri: http://repo.estate.test/debian\n        suite: stable\n" +
			"        key: |\n          -----BEGIN PGP PUBLIC KEY BLOCK-----\n\n          mDMEZ\n          -----END PGP PUBLIC KEY BLOCK-----"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(full, change[0], change[1], 1)
			server, err := spec.Parse("good.yaml", []byte(text))
			require.NoError(t, err)
			requireRoundTrip(t, server)
			require.NoError(t, validate(t, spec.KindServer, text))
		})
	}
}

func requireRoundTrip(t *testing.T, server *spec.Server) {
	t.Helper()
	text, err := json.Marshal(server)
	require.NoError(t, err)
	var back spec.Server
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, server, &back)
}

func TestExample(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../examples/web-server.yaml")
	require.NoError(t, err)
	server, err := spec.Parse("web-server.yaml", data)
	require.NoError(t, err)
	requireRoundTrip(t, server)
	require.NoError(t, validate(t, spec.KindServer, string(data)))
	require.Equal(t, "server/web-01", server.Owner())
	require.Equal(t, "server/web-01", server.WorkflowID())
	require.Equal(t, 4*spec.GiB, server.Spec.Compute.Memory)

	text, err := server.RenderConfig(server.Spec.Application.Config[0])
	require.NoError(t, err)
	require.Contains(t, text, "name = web-01\nlisten = 10.20.0.11:8080\ndomain = estate.test\n")
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	text := full
	for _, line := range []string{
		"    port: 22\n", "      filesystem: ext4\n", "      owner: hello:hello\n", "      mode: \"0755\"\n",
		"        state: running\n", ", path: /healthz", "    onFailure: hold\n", "    grace: 168h\n", "  run:\n",
	} {
		require.Contains(t, text, line)
		text = strings.Replace(text, line, "", 1)
	}
	server, err := spec.Parse("f", []byte(text))
	require.NoError(t, err)
	s := server.Spec
	require.Equal(t, 22, s.Access.Port)
	require.Equal(t, spec.Volume{Name: "data", Size: 20 * spec.GiB, Filesystem: "ext4", Mount: "/srv/data", Owner: "root", Mode: "0755"}, s.Storage[0])
	require.Equal(t, "/usr/sbin/nologin", s.OS.Users[0].Shell)
	require.Equal(t, spec.File{Path: "/etc/motd", Content: "hello", Owner: "root", Mode: "0644"}, s.OS.Files[0])
	require.Equal(t, "0600", s.OS.Files[1].Mode)
	require.True(t, *s.OS.Services[0].Enabled)
	require.Equal(t, "running", s.OS.Services[0].State)
	require.Equal(t, spec.Health{Port: 8080, Path: "/", Status: 200}, s.Application.Health)
	require.Equal(t, "tcp", s.Firewall[0].Protocol)
	require.Equal(t, 1, s.LoadBalancer.Weight)
	require.Equal(t, "hold 72h0m0s 1h0m0s 168h0m0s",
		strings.Join([]string{s.Run.OnFailure, s.Run.ApprovalDeadline.String(), s.Run.RetryFor.String(), s.Run.Grace.String()}, " "))
}

// What is asked inside and what is asked as users do may need two ways.
func TestProbersAreNamed(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("{port: 8080, path", "{system: inside, port: 8080, path", "verify: http", "verifySystem: outside\n    verify: http").Replace(full)
	server, err := spec.Parse("f", []byte(text))
	require.NoError(t, err)
	require.Equal(t, "inside", server.Spec.Application.Health.System)
	require.Equal(t, "outside", server.Spec.LoadBalancer.VerifySystem)
	asJSON, err := json.Marshal(server)
	require.NoError(t, err)
	require.Contains(t, string(asJSON), `"health":{"system":"inside"`)
	require.Contains(t, string(asJSON), `"verifySystem":"outside"`)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	for _, bad := range badDocuments() {
		f.Add([]byte(strings.Replace(full, bad.old, bad.text, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		server, err := spec.Parse("f", data)
		if err != nil {
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			require.NotEmpty(t, problems)
			return
		}
		requireRoundTrip(t, server)
	})
}
