package cluster

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/primitives"
)

// Check refuses a configuration that leaves a door open. It returns all that it finds.
func Check(cfg *config.Config) error {
	var found []error
	add := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	t := cfg.Global.TLS
	mutual(add, "global.tls.frontend", t.Frontend.Server)
	for name, host := range t.Frontend.PerHostOverrides {
		mutual(add, "global.tls.frontend.hostOverrides."+name, host)
	}
	mutual(add, "global.tls.internode", t.Internode.Server)
	if len(t.Internode.Client.RootCAFiles)+len(t.Internode.Client.RootCAData) == 0 {
		add("global.tls.internode.client.rootCaFiles: the parts of Temporal must know each other's authority")
	}
	for path, client := range map[string]config.ClientTLS{
		"global.tls.internode.client": t.Internode.Client, "global.tls.frontend.client": t.Frontend.Client, "global.tls.systemWorker.client": t.SystemWorker.Client,
	} {
		if client.DisableHostVerification {
			add("%s.disableHostVerification: whose certificate it is must be looked at", path)
		}
	}
	for _, authority := range t.Internode.Server.ClientCAFiles {
		if slices.Contains(t.Frontend.Server.ClientCAFiles, authority) {
			add("global.tls: %s signs clients and Temporal's parts: a client would be taken for a part; give the parts an authority of their own", authority)
		}
	}
	services(add, cfg)
	if a := cfg.Global.Authorization; a.Authorizer != "" || a.ClaimMapper != "" {
		add("global.authorization: roles come from --roles; take authorizer and claimMapper out")
	}
	return errors.Join(found...)
}

func mutual(add func(string, ...any), path string, s config.ServerTLS) {
	switch {
	case s.CertFile == "" && s.CertData == "":
		add("%s.server.certFile: there is no TLS without a certificate", path)
	case !s.RequireClientAuth:
		add("%s.server.requireClientAuth: who comes in must show a certificate", path)
	case len(s.ClientCAFiles)+len(s.ClientCAData) == 0:
		add("%s.server.clientCaFiles: without an authority of its own every public one is believed", path)
	}
}

// services looks at the ways into the frontend.
func services(add func(string, ...any), cfg *config.Config) {
	if _, there := cfg.Services[string(primitives.InternalFrontendService)]; !there {
		add("services.internal-frontend: Temporal's own parts need a frontend that does not ask them for a role")
	}
	if cfg.PublicClient.HostPort != "" || cfg.PublicClient.HTTPHostPort != "" || cfg.PublicClient.ForceTLSConfig != "" {
		add("publicClient: Temporal's own parts use internal-frontend; take it out")
	}
	for name, s := range cfg.Services {
		if s.RPC.HTTPPort != 0 {
			add("services.%s.rpc.httpPort: roles are proven for gRPC only; take it out", name)
		}
	}
}
