package spec_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

// configured stands behind the document of all sections; it begins in line 68.
const configured = `  configuration:
    - name: site
      system: playbooks
      playbook: web/site.yml
      variables:
        port: 8080
        motd: "a <b> & {{ c }}"
        limits: {soft: 1.5, hard: null, users: [a, true]}
      secrets:
        password: secret://vault/kv/web-01#password
      tags: [web]
    - name: audit
      playbook: audit.yaml
`

func TestPlays(t *testing.T) {
	t.Parallel()
	text := full + configured
	server, err := spec.Parse("f", []byte(text))
	require.NoError(t, err)
	require.NoError(t, validate(t, spec.KindServer, text))
	require.Len(t, server.Spec.Configuration, 2)
	play := server.Spec.Configuration[0]
	require.Equal(t, spec.Variable(`{"hard":null,"soft":1.5,"users":["a",true]}`), play.Variables["limits"])
	require.Equal(t, spec.Variable(`"a <b> & {{ c }}"`), play.Variables["motd"])
	require.Equal(t, spec.Variable(`8080`), play.Variables["port"])
	require.Equal(t, map[string]string{"password": "secret://vault/kv/web-01#password"}, play.Secrets)
	data, err := json.Marshal(server)
	require.NoError(t, err)
	var again spec.Server
	require.NoError(t, json.Unmarshal(data, &again))
	twice, err := json.Marshal(&again)
	require.NoError(t, err)
	require.JSONEq(t, string(data), string(twice))
}

func TestBadPlays(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct {
		name, old, text string
		schema          bool
		want            string
	}{
		{"no playbook", "      playbook: audit.yaml\n", "", true, `83:7: spec.configuration[1].playbook: expected the field "playbook", found none`},
		{"no name", "    - name: audit\n      playbook", "    - playbook", true, `83:7: spec.configuration[1].name: expected the field "name", found none`},
		{"a name twice", "name: audit", "name: site", false, "83:13: spec.configuration[1].name: expected a value of its own"},
		{"a name of two words", "name: audit", "name: a b", true, "83:13: spec.configuration[1].name: expected up to 63 lower-case letters"},
		{"a system of two words", "system: playbooks", "system: a b", true, "74:15: spec.configuration[0].system: expected up to 63"},
		{"outside the project", "playbook: audit.yaml", "playbook: ../audit.yaml", true, "84:17: spec.configuration[1].playbook: expected the path of a playbook"},
		{"an absolute path", "playbook: audit.yaml", "playbook: /etc/audit.yaml", true, "84:17: spec.configuration[1].playbook: expected the path of a playbook"},
		{"an argument", "playbook: audit.yaml", "playbook: --become.yml", true, "84:17: spec.configuration[1].playbook: expected the path of a playbook"},
		{"no playbook at all", "playbook: audit.yaml", "playbook: audit.sh", true, "84:17: spec.configuration[1].playbook: expected the path of a playbook"},
		{"a variable that is no name", "        port: 8080", "        a-b: 8080", true, `77:9: spec.configuration[0].variables.a-b: expected the name of a variable`},
		{"a variable of Ansible's", "        port: 8080", "        ansible_connection: local", false, "77:9: spec.configuration[0].variables.ansible_connection: expected a name of the playbook's own"},
		{"a secret of Ansible's", "        password: secret", "        Ansible_become_password: secret", false, "81:9: spec.configuration[0].secrets.Ansible_become_password: expected a name of the playbook's own"},
		{"a date", "port: 8080", "port: 2026-01-01", false, "77:15: spec.configuration[0].variables.port: expected a value that JSON has too, found a date"},
		{"no number", "port: 8080", "port: .nan", false, "77:15: spec.configuration[0].variables.port: expected a value that JSON has too, found a number that is none"},
		{"a number too large", "port: 8080", "port: 9007199254740993", false, "77:15: spec.configuration[0].variables.port: expected a value that JSON has too, found a number beyond 2^53"},
		{"keys that are numbers", "port: 8080", "port: [{1: a}]", false, "77:15: spec.configuration[0].variables.port: expected a value that JSON has too, found a date, or a mapping"},
		{"a reference among values", "port: 8080", "port: secret://file/a", false, "77:15: spec.configuration[0].variables.port: expected a value, found a reference to a secret: put it under secrets"},
		{"a private key among values", "port: 8080", `port: "-----BEGIN OPENSSH PRIVATE KEY-----"`, false, "77:15: spec.configuration[0].variables.port: expected no secret"},
		{"a secret itself", "secret://vault/kv/web-01#password", "hunter2", false, "81:19: spec.configuration[0].secrets.password: expected a reference secret://provider/name, found something else"},
		{"a secret that leads out", "secret://vault/kv/web-01#password", "secret://vault/../kv", false, "81:19: spec.configuration[0].secrets.password: expected a reference"},
		{"a name in both", "        password: secret", "        motd: secret", false, `81:9: spec.configuration[0].secrets.motd: expected a name of its own, found "motd", which is under variables too`},
		{"a tag that is an argument", "tags: [web]", "tags: [--check]", true, "82:14: spec.configuration[0].tags[0]: expected a tag"},
		{"two tags in one", "tags: [web]", `tags: ["a,b"]`, true, "82:14: spec.configuration[0].tags[0]: expected a tag"},
		{"a tag twice", "tags: [web]", "tags: [web, web]", true, "82:19: spec.configuration[0].tags[1]: expected a value of its own"},
		{"a mapping for the list", "    - name: site\n      system: playbooks\n      playbook: web/site.yml\n", "    - {}\n    - name: site\n      playbook: web/site.yml\n", true, `73:7: spec.configuration[0].name: expected the field "name", found none`},
	} {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(configured, bad.old), "%q", bad.old)
			text := full + strings.Replace(configured, bad.old, bad.text, 1)
			_, err := spec.Parse("bad.yaml", []byte(text))
			require.ErrorContains(t, err, "bad.yaml:"+bad.want)
			require.NotContains(t, err.Error(), "hunter2", "an error repeats a secret")
			if bad.schema {
				require.Error(t, validate(t, spec.KindServer, text))
			}
		})
	}
}
