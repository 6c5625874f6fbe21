package embedded

import (
	"time"

	"github.com/temporalio/ui-server/v2/server/config"
	temporal "go.temporal.io/server/common/config"

	"fermata/sandbox/certificates"
)

// tlsConfig lets the frontend believe clients of one authority, and the parts of Temporal those of another. The files are read
// again every hour.
func tlsConfig(f certificates.Files) temporal.RootTLS {
	server := func(p certificates.Pair) temporal.ServerTLS {
		return temporal.ServerTLS{CertFile: p.Certificate, KeyFile: p.Key, ClientCAFiles: []string{p.Authority}, RequireClientAuth: true}
	}
	return temporal.RootTLS{
		Frontend: temporal.GroupTLS{
			Server: server(f.Server),
			Client: temporal.ClientTLS{RootCAFiles: []string{f.Server.Authority}, ServerName: "localhost"},
		},
		Internode: temporal.GroupTLS{
			Server: server(f.Internode),
			Client: temporal.ClientTLS{RootCAFiles: []string{f.Internode.Authority}, ServerName: certificates.InternodeName},
		},
		RefreshInterval: time.Hour,
	}
}

// clientTLS is what the web UI needs.
func clientTLS(p certificates.Pair) config.TLS {
	return config.TLS{CaFile: p.Authority, CertFile: p.Certificate, KeyFile: p.Key, EnableHostVerification: true}
}
