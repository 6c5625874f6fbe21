package vsphere

import (
	"encoding/base64"
	"net/netip"
	"strings"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"

	"go.yaml.in/yaml/v3"
)

// publishHostKeys makes the guest tell the platform its SSH host keys. The command is fixed: nothing of a spec is in it.
const publishHostKeys = `vmware-rpctool "info-set ` + hostKeysInfo + ` $(cat /etc/ssh/ssh_host_*_key.pub | base64 | tr -d '\n')"`

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
	text, err := spec.CloudConfig(r.UserData, r.User, r.AuthorizedKey, nil, []string{"sh", "-c", publishHostKeys})
	if err != nil {
		return nil, fault.New(fault.Invalid, "making machine %q: %w", r.Name, err)
	}
	return text, nil
}
