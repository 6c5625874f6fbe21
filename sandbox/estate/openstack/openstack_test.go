package openstack_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/integrations/httpx"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/openstack"
)

const password = "correct-horse-battery"

// caller speaks to the services as a client does that gophercloud is not in the way of.
type caller struct {
	*testing.T
	cloud *openstack.Server
	http  *http.Client
	base  string
	token string
	ids   map[string]string // Of what the cloud has from the start, by name.
}

func start(t *testing.T, change func(*openstack.Options)) *caller {
	t.Helper()
	o := openstack.Options{
		Folder:   t.TempDir(),
		Users:    []openstack.User{{Name: "fermata", Password: password, Project: "web"}, {Name: "other", Password: password, Project: "db"}, {Name: "blind", Password: password, Project: "web", Denied: []string{"compute"}}},
		Images:   []openstack.Image{{Name: "debian-12"}, {Name: "huge", MinRAM: 1 << 20}},
		Flavors:  []openstack.Flavor{{Name: "m1.small", CPUs: 1, Memory: 2048, GiB: 20}},
		KeyPairs: []openstack.KeyPair{{Name: "people", PublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"}},
		Networks: []openstack.Network{{Name: "private", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.30.0.0/24")}}},
	}
	if change != nil {
		change(&o)
	}
	cloud, err := openstack.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cloud.Close() })
	c := &caller{T: t, cloud: cloud, base: strings.TrimSuffix(cloud.URL(), "/identity/v3"), ids: map[string]string{}}
	roots, err := httpx.Roots(cloud.CAFile())
	require.NoError(t, err)
	c.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}}
	c.login("fermata", "web", password)
	for path, list := range map[string]string{"/image/v2/images": "images", "/compute/v2.1/flavors/detail": "flavors", "/network/v2.0/networks": "networks"} {
		for _, each := range c.ask("GET", path, nil, http.StatusOK)[list].([]any) {
			entry := each.(map[string]any)
			c.ids[entry["name"].(string)] = entry["id"].(string)
		}
	}
	return c
}

type object = map[string]any

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
}

// send sends a request and returns what comes back.
func (c *caller) send(method, path string, body any) (answer, error) {
	c.Helper()
	var text []byte
	if raw, is := body.(string); is {
		text = []byte(raw)
	} else if body != nil {
		var err error
		text, err = json.Marshal(body)
		require.NoError(c, err)
	}
	r, err := http.NewRequestWithContext(c.Context(), method, c.base+path, bytes.NewReader(text))
	require.NoError(c, err)
	r.Header.Set("X-Auth-Token", c.token)
	resp, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(read)}, err
}

// ask requires a status, and returns the answer.
func (c *caller) ask(method, path string, body any, status int) object {
	c.Helper()
	got, err := c.send(method, path, body)
	require.NoError(c, err)
	require.Equal(c, status, got.status, "%s %s: %s", method, path, got.text)
	var shown object
	_ = json.Unmarshal([]byte(got.text), &shown)
	return shown
}

func (c *caller) refuses(method, path string, body any, status int, words string) {
	c.Helper()
	got, err := c.send(method, path, body)
	require.NoError(c, err)
	require.Equal(c, status, got.status, "%s %s: %s", method, path, got.text)
	require.Contains(c, got.text, words)
}

func loginAs(user, project, secret string) object {
	domain := object{"name": "Default"}
	return object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{"name": user, "password": secret, "domain": domain}}},
		"scope":    object{"project": object{"name": project, "domain": domain}},
	}}
}

func (c *caller) login(user, project, secret string) {
	c.Helper()
	got, err := c.send("POST", "/identity/v3/auth/tokens", loginAs(user, project, secret))
	require.NoError(c, err)
	require.Equal(c, http.StatusCreated, got.status, got.text)
	c.token = got.header.Get("X-Subject-Token")
}

func (c *caller) server(change object) object {
	body := object{"name": "web-01", "imageRef": c.ids["debian-12"], "flavorRef": c.ids["m1.small"], "networks": []object{{"uuid": c.ids["private"]}}}
	for field, value := range change {
		body[field] = value
	}
	return object{"server": body}
}

// boot makes a server and waits until it is ACTIVE.
func (c *caller) boot(change object) string {
	c.Helper()
	id := c.ask("POST", "/compute/v2.1/servers", c.server(change), http.StatusAccepted)["server"].(object)["id"].(string)
	c.becomes("/compute/v2.1/servers/"+id, "server", "ACTIVE")
	return id
}

func (c *caller) becomes(path, kind, status string) {
	c.Helper()
	require.Eventually(c, func() bool {
		return c.ask("GET", path, nil, http.StatusOK)[kind].(object)["status"] == status
	}, 20*time.Second, 5*time.Millisecond)
}

func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	c := start(t, func(o *openstack.Options) {
		o.Credentials = []openstack.Credential{{ID: "4a1c", Secret: password, Project: "web"}}
	})
	for _, body := range map[string]any{
		"a wrong password": loginAs("fermata", "web", "wrong-password"), "an unknown user": loginAs("nobody", "web", password),
		"another project": loginAs("fermata", "db", password), "no method": object{"auth": object{}},
		"a credential with a scope": object{"auth": object{
			"identity": object{"methods": []string{"application_credential"}, "application_credential": object{"id": "4a1c", "secret": password}},
			"scope":    object{"project": object{"name": "web", "domain": object{"name": "Default"}}},
		}},
	} {
		c.refuses("POST", "/identity/v3/auth/tokens", body, http.StatusUnauthorized, "requires authentication")
	}
	c.refuses("POST", "/identity/v3/auth/tokens", "{", http.StatusBadRequest, "JSON")
	c.cloud.ExpireTokens()
	c.refuses("GET", "/compute/v2.1/servers/detail", nil, http.StatusUnauthorized, "requires authentication")
	c.login("blind", "web", password)
	c.refuses("GET", "/compute/v2.1/servers/detail", nil, http.StatusForbidden, "Policy")
}

func TestATokenEnds(t *testing.T) {
	t.Parallel()
	c := start(t, func(o *openstack.Options) { o.TokenLifetime = 2 * time.Second })
	require.Eventually(t, func() bool {
		got, err := c.send("GET", "/compute/v2.1/limits", nil)
		return err == nil && got.status == http.StatusUnauthorized
	}, 20*time.Second, 50*time.Millisecond)
}

func TestNovaRefuses(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	const servers = "/compute/v2.1/servers"
	for words, change := range map[string]object{
		"Additional properties are not allowed ('colour' was unexpected)": {"colour": "red"},
		"Can not find requested image":                                    {"imageRef": "11111111-1111-1111-1111-111111111111"},
		"could not be found":                                              {"flavorRef": "9"},
		"too small for requested image":                                   {"imageRef": c.ids["huge"]},
		"availability zone is not available":                              {"availability_zone": "moon"},
		"Invalid key_name":                                                {"key_name": "nobody"},
		"user_data":                                                       {"user_data": "#cloud-config"},
		"does not match any of the regexes":                               {"metadata": object{"a/b": "c"}},
		"Invalid input for field/attribute name":                          {"name": ""},
		"Port id 1 could not be found":                                    {"networks": []object{{"port": "1"}}},
		"Network 1 could not be found":                                    {"networks": []object{{"uuid": "1"}}},
		"Security group nobody not found for project":                     {"security_groups": []object{{"name": "nobody"}}},
		"not a valid IP for any of the subnets":                           {"networks": []object{{"uuid": c.ids["private"], "fixed_ip": "10.31.0.1"}}},
	} {
		c.refuses("POST", servers, c.server(change), http.StatusBadRequest, words)
	}
	c.refuses("GET", servers+"/1", nil, http.StatusNotFound, "could not be found")
	id := c.boot(nil)
	c.refuses("POST", servers+"/"+id+"/action", object{"os-start": nil}, http.StatusConflict, "vm_state active")
	c.refuses("POST", servers+"/"+id+"/action", object{"explode": nil}, http.StatusBadRequest, "no such action")
	c.ask("POST", servers+"/"+id+"/action", object{"os-stop": nil}, http.StatusAccepted)
	c.becomes(servers+"/"+id, "server", "SHUTOFF")
	c.refuses("POST", servers+"/"+id+"/action", object{"os-stop": nil}, http.StatusConflict, "vm_state stopped")
	require.Equal(t, openstack.Counted{Servers: 1, Ports: 1}, c.cloud.Count())
}

func TestNeutronRefuses(t *testing.T) {
	t.Parallel()
	c := start(t, func(o *openstack.Options) { o.Quotas = map[string]int{"security_group": 2} })
	const groups, rules, ports = "/network/v2.0/security-groups", "/network/v2.0/security-group-rules", "/network/v2.0/ports"
	c.refuses("GET", groups+"?colour=red", nil, http.StatusBadRequest, "invalid attribute for filtering")
	c.refuses("POST", groups, object{"security_group": object{"name": "a", "colour": "red"}}, http.StatusBadRequest, "'colour'")
	c.refuses("POST", groups, object{"security_group": object{"name": "default"}}, http.StatusConflict, "already exists")
	group := c.ask("POST", groups, object{"security_group": object{"name": "web"}}, http.StatusCreated)["security_group"].(object)["id"].(string)
	c.refuses("POST", groups, object{"security_group": object{"name": "third"}}, http.StatusConflict, "OverQuota")
	rule := object{"direction": "ingress", "ethertype": "IPv4", "security_group_id": group, "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
	c.ask("POST", rules, object{"security_group_rule": rule}, http.StatusCreated)
	rule["description"] = "another"
	c.refuses("POST", rules, object{"security_group_rule": rule}, http.StatusConflict, "SecurityGroupRuleExists")
	rule["port_range_max"] = 21
	c.refuses("POST", rules, object{"security_group_rule": rule}, http.StatusBadRequest, "port range")
	rule["port_range_max"], rule["remote_ip_prefix"] = 22, "2001:db8::/64"
	c.refuses("POST", rules, object{"security_group_rule": rule}, http.StatusBadRequest, "remote_ip_prefix")
	port := object{"network_id": c.ids["private"], "security_groups": []string{group}, "fixed_ips": []object{{"ip_address": "10.30.0.99"}}}
	c.ask("POST", ports, object{"port": port}, http.StatusCreated)
	c.refuses("POST", ports, object{"port": port}, http.StatusConflict, "IpAddressAlreadyAllocated")
	c.refuses("DELETE", groups+"/"+group, nil, http.StatusConflict, "SecurityGroupInUse")
	c.refuses("POST", "/network/v2.0/floatingips", object{"floatingip": object{"floating_network_id": c.ids["private"]}}, http.StatusBadRequest, "not a valid external network")
	c.login("other", "db", password)
	c.refuses("DELETE", groups+"/"+group, nil, http.StatusNotFound, "does not exist")
}

func TestCinderRefuses(t *testing.T) {
	t.Parallel()
	c := start(t, func(o *openstack.Options) { o.Quotas = map[string]int{"volumes": 1, "gigabytes": 10} })
	const volumes = "/volume/v3/web/volumes"
	c.refuses("POST", volumes, object{"volume": object{"size": 0}}, http.StatusBadRequest, "Invalid volume size")
	c.refuses("POST", volumes, object{"volume": object{"size": 1, "colour": "red"}}, http.StatusBadRequest, "'colour'")
	c.refuses("POST", volumes, object{"volume": object{"size": 1, "availability_zone": "moon"}}, http.StatusBadRequest, "is invalid")
	c.refuses("POST", volumes, object{"volume": object{"size": 11}}, http.StatusRequestEntityTooLarge, "gigabytes")
	id := c.ask("POST", volumes, object{"volume": object{"size": 1}}, http.StatusAccepted)["volume"].(object)["id"].(string)
	c.becomes(volumes+"/"+id, "volume", "available")
	c.refuses("POST", volumes, object{"volume": object{"size": 1}}, http.StatusRequestEntityTooLarge, "VolumeLimitExceeded")
	server := c.boot(nil)
	attach := object{"volumeAttachment": object{"volumeId": id}}
	attachments := "/compute/v2.1/servers/" + server + "/os-volume_attachments"
	c.refuses("POST", attachments, object{"volumeAttachment": object{"volumeId": "1"}}, http.StatusNotFound, "could not be found")
	c.ask("POST", attachments, attach, http.StatusOK)
	c.becomes(volumes+"/"+id, "volume", "in-use")
	c.refuses("POST", attachments, attach, http.StatusBadRequest, "status must be available")
	c.refuses("DELETE", volumes+"/"+id, nil, http.StatusBadRequest, "must be available")
	c.ask("DELETE", "/compute/v2.1/servers/"+server, nil, http.StatusNoContent)
	c.becomes(volumes+"/"+id, "volume", "available")
	c.refuses("DELETE", attachments+"/"+id, nil, http.StatusNotFound, "could not be found")
}

// TestARestart: what was asked for is there, and what was going on goes on.
func TestARestart(t *testing.T) {
	t.Parallel()
	var o openstack.Options
	c := start(t, func(changed *openstack.Options) { o = *changed })
	id := c.boot(object{"metadata": object{"a": "b"}})
	c.cloud.Build(time.Hour)
	c.ask("POST", "/compute/v2.1/servers", c.server(object{"name": "web-02"}), http.StatusAccepted)
	o.Listen = strings.TrimPrefix(c.base, "https://")
	require.NoError(t, c.cloud.Close())
	again, err := openstack.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = again.Close() })
	require.Equal(t, openstack.Counted{Servers: 2, Ports: 2}, again.Count())
	shown, there := again.Show(id)
	require.True(t, there)
	require.Equal(t, map[string]string{"a": "b"}, shown.Metadata)
	list := c.ask("GET", "/compute/v2.1/servers/detail?name=web-02", nil, http.StatusOK)["servers"].([]any)
	require.Len(t, list, 1, "the token is still good")
	c.becomes("/compute/v2.1/servers/"+list[0].(object)["id"].(string), "server", "ACTIVE")
}

// TestTrouble: what is refused has done nothing, what is lost has.
func TestTrouble(t *testing.T) {
	t.Parallel()
	f := &faults.Faults{}
	c := start(t, func(o *openstack.Options) { o.Faults = f })
	group := object{"security_group": object{"name": "web"}}
	c.cloud.Storm(3, 5, 7*time.Second)
	codes, lost := map[int]int{}, 0
	for range 15 {
		got, err := c.send("POST", "/network/v2.0/security-groups", group)
		if err != nil {
			lost++
			continue
		}
		codes[got.status]++
		if got.status == http.StatusTooManyRequests {
			require.Equal(t, "7", got.header.Get("Retry-After"))
		}
	}
	require.Equal(t, map[int]int{http.StatusCreated: 8, http.StatusTooManyRequests: 5}, codes)
	require.Equal(t, 2, lost)
	require.Equal(t, 10, c.cloud.Count().Groups)
	c.cloud.Storm(0, 0, 0)
	f.SetDown(true)
	c.refuses("POST", "/network/v2.0/security-groups", group, http.StatusServiceUnavailable, "unavailable")
	f.SetDown(false)
	c.cloud.Lose(openstack.MakeGroup)
	_, err := c.send("POST", "/network/v2.0/security-groups", group)
	require.Error(t, err)
	require.Equal(t, 11, c.cloud.Count().Groups)
}

func TestMicroversions(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	for version, status := range map[string]int{"2.1": 200, "2.37": 200, "2.93": 200, "2.94": 406, "3.0": 406, "latest": 406} {
		r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, c.base+"/compute/v2.1/limits", nil)
		require.NoError(t, err)
		r.Header.Set("X-Auth-Token", c.token)
		r.Header.Set("X-OpenStack-Nova-API-Version", version)
		resp, err := c.http.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, status, resp.StatusCode, version)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []openstack.Options{
		{},
		{Folder: t.TempDir()},
		{Folder: t.TempDir(), Users: []openstack.User{{Name: "a", Password: "short", Project: "b"}}},
		{Folder: t.TempDir(), Credentials: []openstack.Credential{{ID: "a", Secret: "short", Project: "b"}}},
	} {
		_, err := openstack.Start(o)
		require.Error(t, err)
	}
}
