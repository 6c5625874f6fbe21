package starter

// served says which capabilities systems of each type are for. Workers know it from the integrations, which a command line
// does not link: to add an integration, add its line here, so that doctor asks about it.
var served = map[string][]string{
	"ansible":        {"configuration"},
	"ec2":            {"cloud", "firewall"},
	"haproxy":        {"loadbalancer"},
	"http":           {"probe"},
	"ldap":           {"directory"},
	"linux":          {"guest"},
	"mariadb":        {"database"},
	"nftables":       {"firewall"},
	"openstack":      {"cloud", "firewall"},
	"postgresql":     {"database"},
	"powerdns":       {"dns"},
	"requesttracker": {"ticketing"},
	"rfc2136":        {"dns"},
	"servicenow":     {"ticketing", "inventory"},
	"smtp":           {"notify"},
	"vsphere":        {"compute"},
	"webhook":        {"notify"},
}
