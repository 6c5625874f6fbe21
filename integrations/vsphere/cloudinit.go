package vsphere

import (
	"encoding/base64"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"

	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/ssh"
)

// publishHostKeys makes the guest tell the platform its SSH host keys. The command is fixed: nothing of a spec is in it.
const publishHostKeys = `vmware-rpctool "info-set ` + hostKeysInfo + ` $(cat /etc/ssh/ssh_host_*_key.pub | base64 | tr -d '\n')"`

var userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// guestInfo is what cloud-init's VMware data source reads in the guest (cloud-init, Datasource VMware, "GuestInfo keys"),
// as ExtraConfig. mac is the first adapter's; empty: the adapter is matched by the usual names.
func guestInfo(op operation.Op, r compute.Request, mac string) (map[string]string, error) {
	network, err := networkConfig(r, mac)
	if err != nil {
		return nil, err
	}
	metadata, err := yaml.Marshal(map[string]any{
		"instance-id": op.Key.UUID().String(), "local-hostname": r.Name, "network": network,
	})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "writing the metadata of machine "+r.Name)
	}
	userdata, err := userData(r)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"guestinfo.metadata": base64.StdEncoding.EncodeToString(metadata), "guestinfo.metadata.encoding": "base64",
		"guestinfo.userdata": base64.StdEncoding.EncodeToString(userdata), "guestinfo.userdata.encoding": "base64",
	}, nil
}

// networkConfig is the network's configuration, version 2.
func networkConfig(r compute.Request, mac string) (map[string]any, error) {
	prefix, err := netip.ParsePrefix(r.Network.Address)
	if err != nil {
		return nil, fault.New(fault.Invalid, "making machine %q: expected an address with its prefix length such as 10.20.0.11/24, found %q",
			r.Name, r.Network.Address)
	}
	match := map[string]any{"name": "e*"}
	if mac != "" {
		match = map[string]any{"macaddress": strings.ToLower(mac)}
	}
	first := map[string]any{"match": match, "addresses": []string{prefix.String()}}
	if r.Network.Gateway != "" {
		// Not "routes": from those cloud-init makes commands for ifupdown that need net-tools, which Debian does not install.
		key := "gateway4"
		if prefix.Addr().Is6() {
			key = "gateway6"
		}
		first[key] = r.Network.Gateway
	}
	servers := map[string]any{}
	if len(r.Network.Nameservers) > 0 {
		servers["addresses"] = r.Network.Nameservers
	}
	if r.Network.Domain != "" {
		servers["search"] = []string{r.Network.Domain}
	}
	if len(servers) > 0 {
		first["nameservers"] = servers
	}
	return map[string]any{"version": 2, "ethernets": map[string]any{"first": first}}, nil
}

// userData merges the spec's cloud-config with ours: the account that the worker logs in as, and the host keys.
func userData(r compute.Request) ([]byte, error) {
	document := map[string]any{}
	if text := strings.TrimSpace(r.UserData); text != "" {
		if first, _, _ := strings.Cut(text, "\n"); strings.TrimSpace(first) != "#cloud-config" {
			return nil, fault.New(fault.Invalid, "making machine %q: the user data is no cloud-config: its first line is not #cloud-config", r.Name)
		}
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			return nil, fault.New(fault.Invalid, "making machine %q: the user data is no YAML mapping", r.Name)
		}
		if document == nil {
			document = map[string]any{}
		}
	}
	users, err := mergedUsers(r, document["users"])
	if err != nil {
		return nil, err
	}
	document["users"] = users
	commands, ok := document["runcmd"].([]any)
	if !ok && document["runcmd"] != nil {
		return nil, fault.New(fault.Invalid, "making machine %q: runcmd in the user data is no list", r.Name)
	}
	document["runcmd"] = append(slices.Clone(commands), []any{"sh", "-c", publishHostKeys})
	text, err := yaml.Marshal(document)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "writing the user data of machine "+r.Name)
	}
	return append([]byte("#cloud-config\n"), text...), nil
}

func mergedUsers(r compute.Request, given any) ([]any, error) {
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(r.AuthorizedKey))
	if err != nil || len(rest) > 0 {
		return nil, fault.New(fault.Invalid, "making machine %q: expected the worker's public key on one line", r.Name)
	}
	if !userName.MatchString(r.User) {
		return nil, fault.New(fault.Invalid, "making machine %q: %q is no name for an account", r.Name, r.User)
	}
	users, ok := given.([]any)
	if !ok && given != nil {
		return nil, fault.New(fault.Invalid, "making machine %q: users in the user data is no list", r.Name)
	}
	for _, user := range users {
		if entry, ok := user.(map[string]any); ok && entry["name"] == r.User || user == any(r.User) {
			return nil, fault.New(fault.Invalid, "making machine %q: the user data describes %q, the account of access.user: leave it out",
				r.Name, r.User)
		}
	}
	if given == nil {
		users = []any{"default"}
	}
	return append(slices.Clone(users), map[string]any{
		"name": r.User, "lock_passwd": true, "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL",
		"ssh_authorized_keys": []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))},
	}), nil
}
