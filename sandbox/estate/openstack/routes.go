package openstack

import (
	"net/http"
	"strconv"
	"strings"
)

// The newest microversion of Nova that is understood.
const novaNewest = 93

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.discovery(mux)
	mux.HandleFunc("POST /identity/v3/auth/tokens", s.login)
	for path, h := range map[string]struct {
		v      service
		change string
		do     func(*call) reply
	}{
		"GET /image/v2/images":      {glance, "", s.listImages},
		"GET /image/v2/images/{id}": {glance, "", s.showImage},

		"GET /compute/v2.1/flavors/detail":                                   {nova, "", s.listFlavors},
		"GET /compute/v2.1/flavors/{id}":                                     {nova, "", s.showFlavor},
		"GET /compute/v2.1/os-keypairs":                                      {nova, "", s.listKeyPairs},
		"GET /compute/v2.1/os-availability-zone":                             {nova, "", s.listZones},
		"GET /compute/v2.1/limits":                                           {nova, "", s.novaLimits},
		"GET /compute/v2.1/servers/detail":                                   {nova, "", s.listServers},
		"GET /compute/v2.1/servers/{id}":                                     {nova, "", s.showServer},
		"POST /compute/v2.1/servers":                                         {nova, MakeServer, s.makeServer},
		"DELETE /compute/v2.1/servers/{id}":                                  {nova, RemoveServer, s.removeServer},
		"GET /compute/v2.1/servers/{id}/os-volume_attachments":               {nova, "", s.listAttachments},
		"POST /compute/v2.1/servers/{id}/os-volume_attachments":              {nova, Attach, s.attach},
		"DELETE /compute/v2.1/servers/{id}/os-volume_attachments/{volumeID}": {nova, Detach, s.detach},

		"GET /network/v2.0/networks":                     {neutron, "", s.listNetworks},
		"GET /network/v2.0/quotas/{project}/{file}":      {neutron, "", s.neutronQuotas},
		"GET /network/v2.0/ports":                        {neutron, "", s.listPorts},
		"POST /network/v2.0/ports":                       {neutron, MakePort, s.makePort},
		"DELETE /network/v2.0/ports/{id}":                {neutron, RemovePort, s.removePort},
		"GET /network/v2.0/security-groups":              {neutron, "", s.listGroups},
		"POST /network/v2.0/security-groups":             {neutron, MakeGroup, s.makeGroup},
		"DELETE /network/v2.0/security-groups/{id}":      {neutron, RemoveGroup, s.removeGroup},
		"GET /network/v2.0/security-group-rules":         {neutron, "", s.listRules},
		"POST /network/v2.0/security-group-rules":        {neutron, MakeRules, s.makeRules},
		"DELETE /network/v2.0/security-group-rules/{id}": {neutron, RemoveRule, s.removeRule},
		"GET /network/v2.0/floatingips":                  {neutron, "", s.listFloating},
		"POST /network/v2.0/floatingips":                 {neutron, MakeFloating, s.makeFloating},
		"PUT /network/v2.0/floatingips/{id}":             {neutron, ChangeFloating, s.changeFloating},
		"DELETE /network/v2.0/floatingips/{id}":          {neutron, RemoveFloating, s.removeFloating},

		"GET /volume/v3/{project}/limits":          {cinder, "", s.cinderLimits},
		"GET /volume/v3/{project}/volumes/detail":  {cinder, "", s.listVolumes},
		"GET /volume/v3/{project}/volumes/{id}":    {cinder, "", s.showVolume},
		"POST /volume/v3/{project}/volumes":        {cinder, MakeVolume, s.makeVolume},
		"DELETE /volume/v3/{project}/volumes/{id}": {cinder, RemoveVolume, s.removeVolume},
	} {
		mux.HandleFunc(path, s.handle(h.v, h.change, h.do))
	}
	mux.HandleFunc("POST /compute/v2.1/servers/{id}/action", s.action)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		send(w, nova.notFound("The resource could not be found."))
	})
	return microversions(mux)
}

// discovery answers what versions there are, as gophercloud asks where the catalogue's address has none.
func (s *Server) discovery(mux *http.ServeMux) {
	versions := func(w http.ResponseWriter, status int, ids ...string) {
		list := []object{}
		for _, id := range ids {
			list = append(list, object{"id": id, "status": "CURRENT", "links": []object{}})
		}
		send(w, reply{status: status, body: object{"versions": list}})
	}
	mux.HandleFunc("GET /network/{$}", func(w http.ResponseWriter, _ *http.Request) { versions(w, http.StatusOK, "v2.0") })
	mux.HandleFunc("GET /image/{$}", func(w http.ResponseWriter, _ *http.Request) { versions(w, http.StatusMultipleChoices, "v2.16") })
}

// microversions refuses one that Nova would not know, before anything else is looked at.
func microversions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked := r.Header.Get("X-OpenStack-Nova-API-Version"); asked != "" && strings.HasPrefix(r.URL.Path, "/compute/") {
			if minor := microversion(r); minor < 1 || minor > novaNewest {
				send(w, nova.refuse(http.StatusNotAcceptable, "computeFault", "Version "+asked+" is not supported by the API. Minimum is 2.1 and maximum is 2."+strconv.Itoa(novaNewest)+"."))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// microversion is the part behind "2." of what was asked for; 1 if nothing was, 0 if it cannot be read.
func microversion(r *http.Request) int {
	asked := r.Header.Get("X-OpenStack-Nova-API-Version")
	if asked == "" {
		return 1
	}
	minor, two := strings.CutPrefix(asked, "2.")
	n, err := strconv.Atoi(minor)
	if err != nil || !two {
		return 0
	}
	return n
}
