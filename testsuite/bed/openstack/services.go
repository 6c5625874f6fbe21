package openstack

import (
	"context"
	"time"

	"fermata/testsuite/bed/host"
)

// Forgets is how long the services may take a token for good after it was revoked.
const Forgets = 16 * time.Second

// common is what every service's configuration has.
const common = `
[DEFAULT]
transport_url = rabbit://bed:SECRET@RABBITMQ/
state_path = FOLDER/state
host = COMPUTE
rpc_response_timeout = 120

[keystone_authtoken]
www_authenticate_uri = KEYSTONE
auth_url = KEYSTONE
auth_type = password
username = admin
password = SECRET
project_name = admin
user_domain_name = Default
project_domain_name = Default
region_name = REGION
interface = internal
token_cache_time = 15

[oslo_concurrency]
lock_path = FOLDER/locks

[oslo_messaging_notifications]
driver = noop
`

// account of one service with another.
func login(section string) string {
	return "\n[" + section + "]\nauth_url = KEYSTONE\nauth_type = password\nusername = admin\npassword = SECRET\nproject_name = admin\n" +
		"user_domain_name = Default\nproject_domain_name = Default\nregion_name = REGION\nvalid_interfaces = internal\n"
}

func database(section, name string) string {
	return "\n[" + section + "]\nconnection = mysql+pymysql://bed:SECRET@MARIADB/" + name + "?charset=utf8\n"
}

// wsgi serves one of the services' WSGI scripts.
func (c *Cloud) wsgi(ctx context.Context, service, script string) error {
	return c.start(ctx, service, host.Daemon{Ready: c.answers(service), Args: []string{
		"uwsgi_python3", "--http-socket", c.addresses[service], "--wsgi-file", script, "--master", "--enable-threads",
		"--threads", "8", "--die-on-term", "--lazy-apps", "--buffer-size", "65535", "--need-app", "--add-header", "Connection: close",
	}})
}

func (c *Cloud) startKeystone(ctx context.Context, public string) error {
	config, err := c.write("keystone.conf", database("database", "keystone")+`
[token]
provider = fernet
[fernet_tokens]
key_repository = FOLDER/fernet
[credential]
key_repository = FOLDER/credential
[cache]
enabled = true
backend = dogpile.cache.memory
[identity]
password_hash_rounds = 4
`)
	if err != nil {
		return err
	}
	manage := []string{"keystone-manage", "--config-file", config}
	for _, args := range [][]string{
		{"db_sync"},
		{"fernet_setup", "--keystone-user", "root", "--keystone-group", "root"},
		{"credential_setup", "--keystone-user", "root", "--keystone-group", "root"},
		{
			"bootstrap", "--bootstrap-password", c.secret, "--bootstrap-region-id", Region,
			"--bootstrap-public-url", public + "/identity/v3", "--bootstrap-internal-url", c.URL("keystone") + "/v3", "--bootstrap-admin-url", c.URL("keystone") + "/v3",
		},
	} {
		if err := c.run(ctx, nil, append(manage, args...)...); err != nil {
			return err
		}
	}
	if err := c.wsgi(ctx, "keystone", "/usr/bin/keystone-wsgi-public"); err != nil {
		return err
	}
	return c.catalogue(ctx, public)
}

func (c *Cloud) startPlacement(ctx context.Context) error {
	if _, err := c.write("placement.conf", common+database("placement_database", "placement")); err != nil {
		return err
	}
	if err := c.run(ctx, nil, "placement-manage", "--config-file", c.path("placement.conf"), "db", "sync"); err != nil {
		return err
	}
	return c.wsgi(ctx, "placement", "/usr/bin/placement-api")
}

func (c *Cloud) startGlance(ctx context.Context) error {
	address, port := c.hostPort("glance")
	config, err := c.write("glance.conf", common+database("database", "glance")+`
[DEFAULT]
bind_host = `+address+`
bind_port = `+port+`
workers = 1
[glance_store]
stores = file
default_store = file
filesystem_store_datadir = FOLDER/images
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
`)
	if err != nil {
		return err
	}
	if err := c.run(ctx, nil, "glance-manage", "--config-file", config, "db_sync"); err != nil {
		return err
	}
	return c.start(ctx, "glance", host.Daemon{Args: []string{"glance-api", "--config-file", config}, Ready: c.answers("glance")})
}

// agent is the one that Neutron's mechanism driver for tests looks for on the host of the hypervisor.
const agent = `INSERT INTO neutron.agents (id, agent_type, ` + "`binary`" + `, topic, host, admin_state_up, created_at, started_at, heartbeat_timestamp, configurations, ` + "`load`" + `, availability_zone)
VALUES (UUID(), 'OFA driver agent', 'none', 'N/A', '` + compute + `', 1, NOW(), NOW(), '2099-01-01 00:00:00', '{}', 0, 'nova')`

func (c *Cloud) startNeutron(ctx context.Context) error {
	address, port := c.hostPort("neutron")
	config, err := c.write("neutron.conf", common+database("database", "neutron")+login("placement")+login("nova")+`
[DEFAULT]
bind_host = `+address+`
bind_port = `+port+`
core_plugin = ml2
service_plugins = router
auth_strategy = keystone
api_workers = 1
rpc_workers = 1
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
dhcp_agent_notification = false
api_paste_config = /etc/neutron/api-paste.ini
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = fake_agent
extension_drivers = port_security
[securitygroup]
enable_security_group = true
`)
	if err != nil {
		return err
	}
	if err := c.run(ctx, nil, "neutron-db-manage", "--config-file", config, "upgrade", "heads"); err != nil {
		return err
	}
	if err := c.sql(ctx, agent); err != nil {
		return err
	}
	return c.start(ctx, "neutron", host.Daemon{Args: []string{"neutron-server", "--config-file", config}, Ready: c.answers("neutron"), Grace: time.Minute})
}

func (c *Cloud) startNova(ctx context.Context) error {
	address, port := c.hostPort("nova")
	config, err := c.write("nova.conf", common+database("database", "nova")+database("api_database", "nova_api")+login("placement")+login("neutron")+login("glance")+login("cinder")+`
catalog_info = volumev3:cinder:internalURL
[DEFAULT]
enabled_apis = osapi_compute
osapi_compute_listen = `+address+`
osapi_compute_listen_port = `+port+`
osapi_compute_workers = 1
compute_driver = fake.FakeDriver
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
my_ip = `+address+`
[api]
auth_strategy = keystone
[wsgi]
api_paste_config = /etc/nova/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
[vnc]
enabled = false
`)
	if err != nil {
		return err
	}
	manage := []string{"nova-manage", "--config-file", config}
	for _, args := range [][]string{
		{"api_db", "sync"}, {"cell_v2", "map_cell0"}, {"cell_v2", "create_cell", "--name", "cell1"}, {"db", "sync"},
	} {
		if err := c.run(ctx, nil, append(manage, args...)...); err != nil {
			return err
		}
	}
	for _, name := range []string{"nova-conductor", "nova-scheduler", "nova-compute", "nova-api"} {
		d := host.Daemon{Args: []string{name, "--config-file", config}, Grace: time.Minute}
		if name == "nova-api" {
			d.Ready = c.answers("nova")
		}
		if err := c.start(ctx, name, d); err != nil {
			return err
		}
	}
	return c.discover(ctx, append(manage, "cell_v2", "discover_hosts", "--strict"))
}

// discover maps the hypervisor's host to its cell, once it has reported itself.
func (c *Cloud) discover(ctx context.Context, args []string) error {
	for {
		err := c.run(ctx, nil, args...)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return err
		}
	}
}

func (c *Cloud) startCinder(ctx context.Context) error {
	address, port := c.hostPort("cinder")
	config, err := c.write("cinder.conf", common+database("database", "cinder")+login("nova")+`
[DEFAULT]
osapi_volume_listen = `+address+`
osapi_volume_listen_port = `+port+`
osapi_volume_workers = 1
auth_strategy = keystone
enabled_backends = fake
default_availability_zone = nova
storage_availability_zone = nova
api_paste_config = /etc/cinder/api-paste.ini
[fake]
volume_driver = cinder.tests.fake_driver.FakeLoggingVolumeDriver
volume_backend_name = fake
`)
	if err != nil {
		return err
	}
	if err := c.run(ctx, nil, "cinder-manage", "--config-file", config, "db", "sync"); err != nil {
		return err
	}
	for _, name := range []string{"cinder-scheduler", "cinder-volume", "cinder-api"} {
		d := host.Daemon{Args: []string{name, "--config-file", config}, Grace: time.Minute}
		if name == "cinder-api" {
			d.Ready = c.answers("cinder")
		}
		if err := c.start(ctx, name, d); err != nil {
			return err
		}
	}
	return nil
}
