package worker

import (
	"fermata/integrations"
	"fermata/integrations/ansible"
	"fermata/integrations/ec2"
	"fermata/integrations/haproxy"
	"fermata/integrations/http"
	"fermata/integrations/ldap"
	"fermata/integrations/linux"
	"fermata/integrations/mariadb"
	"fermata/integrations/nftables"
	"fermata/integrations/openstack"
	"fermata/integrations/postgresql"
	"fermata/integrations/powerdns"
	"fermata/integrations/requesttracker"
	"fermata/integrations/rfc2136"
	"fermata/integrations/servicenow"
	"fermata/integrations/smtp"
	"fermata/integrations/vsphere"
	"fermata/integrations/webhook"
)

// builtIn are the integrations that Fermata comes with. Others are added with WithIntegration.
func builtIn() []integrations.Integration {
	return []integrations.Integration{
		ansible.Integration(),
		ec2.Integration(),
		haproxy.Integration(),
		http.Integration(),
		ldap.Integration(),
		linux.Integration(),
		mariadb.Integration(),
		nftables.Integration(),
		openstack.Integration(),
		postgresql.Integration(),
		powerdns.Integration(),
		requesttracker.Integration(),
		rfc2136.Integration(),
		servicenow.Integration(),
		smtp.Integration(),
		vsphere.Integration(),
		webhook.Integration(),
	}
}
