package openstack

// Packages are what the cloud needs of Debian: OpenStack Zed, its database and its message queue.
func Packages() []string {
	return []string{
		"keystone", "placement-api", "glance-api", "nova-api", "nova-conductor", "nova-scheduler", "nova-compute", "neutron-server",
		"cinder-api", "cinder-scheduler", "cinder-volume", "mariadb-server", "rabbitmq-server", "uwsgi-plugin-python3", "python3-pymysql",
	}
}
