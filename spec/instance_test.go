package spec_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

// app is an Instance that uses what a Server does not have.
const app = `apiVersion: fermata/v1
kind: Instance
metadata:
  name: app-01
spec:
  cloud:
    image: debian-12
    flavor: m1.small
    network: apps
    address: 10.30.0.11
    public: internet
    zone: nova
    keyPair: ops
    tags: {team: shop}
  access:
    user: deploy
  storage:
    - name: data
      size: 10GiB
      type: ssd
      mount: /srv/data
  firewall:
    - name: web
      system: cloud
      from: [10.10.0.0/24]
      port: 8080
  accounts:
    local:
      - name: anna
        groups: [adm]
        keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGBhlXCEGhI0Kn3oRvz4Lw0vHfwAvWvE6ykkJ0FfyCBC anna"]
        sudo: [/usr/bin/systemctl restart app]
        expires: 2027-01-31T18:00:00Z
    directory:
      - name: app-01-svc
        mail: shop@example.org
        groups: [Shop Readers]
  database:
    name: shop
    role: shop
    access: readwrite
    password: secret://vault/kv/app-01/database#password
    file: {path: /etc/app/pg_service.conf, owner: "root:app", mode: "0640"}
`

var badInstances = []badDocument{
	{"image with a newline's escape", "image: debian-12", `image: "a;b"`, true, []string{`7:12: spec.cloud.image: expected a name or an id in the cloud, of letters, digits, blanks and . _ : / ( ) -, found "a;b"`}},
	{"address with a prefix", "address: 10.30.0.11", "address: 10.30.0.11/24", true, []string{`10:14: spec.cloud.address: expected an IP address, found "10.30.0.11/24"`}},
	{"no flavour", "    flavor: m1.small\n", "", true, []string{`6:3: spec.cloud.flavor: expected the field "flavor", found none`}},
	{"tag of ours", "tags: {team: shop}", "tags: {fermata_key: x}", false, []string{`14:12: spec.cloud.tags.fermata_key: expected a tag of one's own, found "fermata_key": those that begin with fermata say whose an object is`}},
	{"half a GiB", "size: 10GiB", "size: 1536MiB", false, []string{"19:13: spec.storage[0].size: expected a multiple of 1GiB, found 1536MiB"}},
	{"root", "- name: anna", "- name: root", false, []string{"29:15: spec.accounts.local[0].name: expected an account other than root and access.user, found root"}},
	{"the worker's account", "- name: anna", "- name: deploy", false, []string{"29:15: spec.accounts.local[0].name: expected an account other than root and access.user, found deploy"}},
	{"key with options", `["ssh-ed25519`, `["no-pty ssh-ed25519`, false, []string{`31:16: spec.accounts.local[0].keys[0]: expected a public key such as "ssh-ed25519 AAAA... anna", found something else`}},
	{"sudo for everything", "sudo: [/usr/bin/systemctl restart app]", "sudo: [ALL]", true, []string{`32:16: spec.accounts.local[0].sudo[0]: expected a command such as /usr/bin/systemctl restart app: an absolute path, and arguments of letters, digits and . _ / + @ % -, found "ALL"`}},
	{"sudo with a wildcard", "/usr/bin/systemctl restart app", "/usr/bin/systemctl restart *", true, []string{`32:16: spec.accounts.local[0].sudo[0]: expected a command such as /usr/bin/systemctl restart app: an absolute path, and arguments of letters, digits and . _ / + @ % -, found "/usr/bin/systemctl restart *"`}},
	{"sudo of a second rule", "/usr/bin/systemctl restart app", `"/bin/true, ALL"`, true, []string{`32:16: spec.accounts.local[0].sudo[0]: expected a command such as /usr/bin/systemctl restart app: an absolute path, and arguments of letters, digits and . _ / + @ % -, found "/bin/true, ALL"`}},
	{"expiry without a zone", "2027-01-31T18:00:00Z", "2027-01-31T18:00:00", true, []string{`33:18: spec.accounts.local[0].expires: expected a moment in UTC such as 2027-01-31T18:00:00Z, found "2027-01-31T18:00:00"`}},
	{"expiry on no day", "2027-01-31T18:00:00Z", "2027-02-31T18:00:00Z", false, []string{`33:18: spec.accounts.local[0].expires: expected a moment in UTC such as 2027-01-31T18:00:00Z, found "2027-02-31T18:00:00Z"`}},
	{"mail", "shop@example.org", "shop", true, []string{`36:15: spec.accounts.directory[0].mail: expected an address such as anna@example.org, found "shop"`}},
	{"group of a filter", "[Shop Readers]", `["*)(uid=*"]`, true, []string{`37:18: spec.accounts.directory[0].groups[0]: expected the name of a group, of up to 64 letters, digits, blanks, dots, dashes and underscores, found "*)(uid=*"`}},
	{"database", "name: shop", `name: "shop;drop"`, true, []string{`39:11: spec.database.name: expected up to 63 lower-case letters, digits and underscores, no digit first, found "shop;drop"`}},
	{"access", "access: readwrite", "access: all", true, []string{`41:13: spec.database.access: expected readonly, readwrite or owner, found "all"`}},
	{"password", "secret://vault/kv/app-01/database#password", "hunter2", true, []string{"42:15: spec.database.password: expected a reference without a version such as secret://vault/kv/app-01/database#password, found something else: the password is generated and kept there"}},
	{"password of a version", "database#password", "database#password@3", false, []string{"42:15: spec.database.password: expected a reference without a version such as secret://vault/kv/app-01/database#password, found something else: the password is generated and kept there"}},
	{"file for everybody", `mode: "0640"`, `mode: "0644"`, true, []string{`43:69: spec.database.file.mode: expected 0400, 0440, 0600 or 0640, found "0644"; did you mean "0640"?`}},
}

func TestBadInstances(t *testing.T) {
	t.Parallel()
	for _, bad := range badInstances {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			text := spoil(t, app, bad.old, bad.text)
			_, err := spec.ParseInstance("bad.yaml", []byte(text))
			require.Error(t, err)
			require.Equal(t, "bad.yaml:"+bad.want[0], err.Error())
			require.NotContains(t, err.Error(), "hunter2", "an error repeats a secret")
			if bad.schema {
				require.Error(t, validate(t, spec.KindInstance, text))
			}
		})
	}
}

func TestAnInstance(t *testing.T) {
	t.Parallel()
	instance, err := spec.ParseInstance("f", []byte(app))
	require.NoError(t, err)
	require.NoError(t, validate(t, spec.KindInstance, app))
	require.Equal(t, "instance/app-01", instance.Owner())
	require.Equal(t, "/bin/bash", instance.Spec.Accounts.Local[0].Shell)
	require.Equal(t, spec.DatabaseKeep, instance.Spec.Database.OnDecommission)
	require.Equal(t, time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC), *instance.Spec.Accounts.Local[0].Expires.Moment())
	require.Nil(t, instance.Spec.Accounts.Directory[0].Expires.Moment())
	what, err := spec.Check("f", []byte(app))
	require.NoError(t, err)
	require.Equal(t, "instance/app-01", what)

	// The least is the default: an account has no group, key or command, a login reads only.
	bare, err := spec.ParseInstance("f", []byte(strings.NewReplacer("    access: readwrite\n", "").Replace(app)))
	require.NoError(t, err)
	require.Equal(t, spec.AccessReadOnly, bare.Spec.Database.Access)
}
