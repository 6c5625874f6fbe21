package vsphere

import (
	"encoding/base64"
	"strings"
	"testing"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA worker"

func ask(userData string) compute.Request {
	return compute.Request{
		Name: "web-01", User: "fermata", AuthorizedKey: key, UserData: userData,
		Network: spec.Network{Address: "10.20.0.11/24", Gateway: "10.20.0.1", Nameservers: []string{"10.20.0.2"}, Domain: "lab.example"},
	}
}

func opened(t *testing.T, info map[string]string, name string) map[string]any {
	t.Helper()
	require.Equal(t, "base64", info["guestinfo."+name+".encoding"])
	text, err := base64.StdEncoding.DecodeString(info["guestinfo."+name])
	require.NoError(t, err)
	require.Equal(t, name == "userdata", strings.HasPrefix(string(text), "#cloud-config\n"))
	document := map[string]any{}
	require.NoError(t, yaml.Unmarshal(text, &document))
	return document
}

func TestGuestInfoIsWhatCloudInitReads(t *testing.T) {
	t.Parallel()
	op := operation.Op{Key: operation.Key{Run: "R", Step: "deploy", Target: "web-01"}}
	info, err := guestInfo(op, ask("#cloud-config\npackages: [vim]\nusers: [{name: admin}]\nruncmd: [[echo, hello]]\n"), "00:50:56:AA:BB:CC")
	require.NoError(t, err)
	metadata := opened(t, info, "metadata")
	require.Equal(t, op.Key.UUID().String(), metadata["instance-id"])
	require.Equal(t, "web-01", metadata["local-hostname"])
	require.Equal(t, map[string]any{"version": 2, "ethernets": map[string]any{"first": map[string]any{
		"match": map[string]any{"macaddress": "00:50:56:aa:bb:cc"}, "addresses": []any{"10.20.0.11/24"},
		"gateway4":    "10.20.0.1",
		"nameservers": map[string]any{"addresses": []any{"10.20.0.2"}, "search": []any{"lab.example"}},
	}}}, metadata["network"])

	userdata := opened(t, info, "userdata")
	require.Equal(t, []any{"vim"}, userdata["packages"])
	require.Equal(t, []any{map[string]any{"name": "admin"}, map[string]any{
		"name": "fermata", "lock_passwd": true, "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL",
		"ssh_authorized_keys": []any{strings.TrimSuffix(key, " worker")},
	}}, userdata["users"])
	require.Equal(t, []any{[]any{"echo", "hello"}, []any{"sh", "-c", publishHostKeys}}, userdata["runcmd"])
	again, err := guestInfo(op, ask("#cloud-config\npackages: [vim]\nusers: [{name: admin}]\nruncmd: [[echo, hello]]\n"), "00:50:56:AA:BB:CC")
	require.NoError(t, err)
	require.Equal(t, info, again, "the same request gives the same text, so a retry changes nothing")
}

func TestUserDataIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a script": "#!/bin/sh\nreboot\n", "no header": "packages: [vim]\n", "no mapping": "#cloud-config\n- a\n",
		"broken YAML": "#cloud-config\na: [\n", "users no list": "#cloud-config\nusers: {name: a}\n",
		"runcmd no list": "#cloud-config\nruncmd: reboot\n", "our account": "#cloud-config\nusers: [{name: fermata}]\n",
		"our account, short": "#cloud-config\nusers: [fermata]\n",
	} {
		_, err := userData(ask(text))
		require.Equal(t, fault.Invalid, fault.KindOf(err), name)
	}
	for name, change := range map[string]func(*compute.Request){
		"two keys":     func(r *compute.Request) { r.AuthorizedKey = key + "\n" + key },
		"no key":       func(r *compute.Request) { r.AuthorizedKey = "" },
		"odd name":     func(r *compute.Request) { r.User = "a b" },
		"capital name": func(r *compute.Request) { r.User = "Root" },
	} {
		r := ask("")
		change(&r)
		_, err := userData(r)
		require.Equal(t, fault.Invalid, fault.KindOf(err), name)
	}
}

func TestHostKeys(t *testing.T) {
	t.Parallel()
	plain := strings.TrimSuffix(key, " worker")
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	require.Equal(t, []string{plain, plain}, hostKeys(encode(key+"\n"+plain+"\n")))
	require.Empty(t, hostKeys(""))
	require.Empty(t, hostKeys("%%%"))
	require.Empty(t, hostKeys(encode("no key at all")))
}
