package starter

// served says which capabilities systems of each type are for. Workers know it from the integrations, which a command line
// does not link: to add an integration, add its line here, so that doctor asks about it.
var served = map[string][]string{
	"haproxy":        {"loadbalancer"},
	"http":           {"probe"},
	"linux":          {"guest"},
	"nftables":       {"firewall"},
	"requesttracker": {"ticketing"},
	"servicenow":     {"ticketing", "inventory"},
	"smtp":           {"notify"},
	"vsphere":        {"compute"},
	"webhook":        {"notify"},
}
