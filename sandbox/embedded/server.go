// Package embedded runs Temporal and its web UI inside this process, on a SQLite file.
//
// It is made for a laptop and for tests: one node, one shard, bound to loopback. It talks mutual TLS, to its clients and among
// its parts, with certificates that it makes at its first start; what a client may do its certificate says. State survives a
// restart and a SIGKILL; a file that another version of the server made is refused, never upgraded or deleted.
package embedded

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"

	"fermata/access"
	"fermata/access/frontend"
	"fermata/sandbox/certificates"
)

// Options say where Temporal keeps its state and listens.
type Options struct {
	Folder    string        // Holds the database, the certificates and the server's log.
	Port      int           // Of the frontend, on 127.0.0.1; 0: any free one.
	Namespace string        // Made if it is not there.
	Retention time.Duration // How long closed histories are kept.
	// Settings are dynamic settings that differ from the usual ones, by their names. They are for tests of what must hold
	// even where an installation was set up badly.
	Settings map[string]any
}

// Server is a Temporal server in this process.
type Server struct {
	server       temporal.Server
	ports        ports
	certificates certificates.Files
}

const host = "127.0.0.1"

// Start starts Temporal and returns when its frontend answers.
func Start(o Options) (*Server, error) {
	ports, err := choosePorts(o.Port)
	if err != nil {
		return nil, err
	}
	database, err := prepareDatabase(o)
	if err != nil {
		return nil, err
	}
	files, err := Certificates(o.Folder, o.Namespace)
	if err != nil {
		return nil, err
	}
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Level: "warn", OutputFile: filepath.Join(o.Folder, "temporal.log")}))
	roles, err := access.Open(files.Roles, func(err error) { logger.Error("what may whose certificate do?", tag.Error(err)) })
	if err != nil {
		return nil, err
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(serverConfig(ports, database, files)),
		temporal.ForServices(append([]string{string(primitives.InternalFrontendService)}, temporal.DefaultServices...)),
		temporal.WithStaticHosts(ports.hosts()),
		temporal.WithLogger(logger),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return frontend.ClaimMapper{Roles: roles} }),
		temporal.WithAuthorizer(frontend.Authorizer{}),
		temporal.WithDynamicConfigClient(dynamicConfig(o.Settings)),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing Temporal: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("starting Temporal: %w", err)
	}
	return &Server{server: server, ports: ports, certificates: files}, nil
}

// Certificates are the files of a server that has its state in the folder, made if they are not there.
func Certificates(folder, namespace string) (certificates.Files, error) {
	return certificates.Prepare(filepath.Join(folder, "tls"), namespace)
}

// Certificates are the files that its clients need.
func (s *Server) Certificates() certificates.Files { return s.certificates }

// Address is the frontend's host:port.
func (s *Server) Address() string { return address(s.ports.frontend) }

// Parts are the addresses at which Temporal's parts talk among themselves, by their names. No client has to do with them.
func (s *Server) Parts() map[primitives.ServiceName]string {
	return map[primitives.ServiceName]string{
		primitives.InternalFrontendService: address(s.ports.internal), primitives.HistoryService: address(s.ports.history),
		primitives.MatchingService: address(s.ports.matching), primitives.WorkerService: address(s.ports.worker),
	}
}

// Stop stops Temporal. Clients and workers must have stopped before.
func (s *Server) Stop() error { return s.server.Stop() }

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

type ports struct{ frontend, internal, history, matching, worker, membership int }

// choosePorts takes free ports; a frontend port that was asked for must be free.
func choosePorts(frontend int) (ports, error) {
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	choose := func(port int) (int, error) {
		l, err := reserve(port)
		if err != nil {
			return 0, fmt.Errorf("port %d for Temporal is taken: stop what uses it, or choose another with --temporal-port: %w", port, err)
		}
		listeners = append(listeners, l)
		return l.Addr().(*net.TCPAddr).Port, nil
	}
	var p ports
	var err error
	for _, want := range []struct {
		into *int
		port int
	}{{&p.frontend, frontend}, {&p.internal, 0}, {&p.history, 0}, {&p.matching, 0}, {&p.worker, 0}, {&p.membership, 0}} {
		if *want.into, err = choose(want.port); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p ports) hosts() map[primitives.ServiceName]static.Hosts {
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService:         static.SingleLocalHost(address(p.frontend)),
		primitives.InternalFrontendService: static.SingleLocalHost(address(p.internal)),
		primitives.HistoryService:          static.SingleLocalHost(address(p.history)),
		primitives.MatchingService:         static.SingleLocalHost(address(p.matching)),
		primitives.WorkerService:           static.SingleLocalHost(address(p.worker)),
	}
}

func serverConfig(p ports, database *config.SQL, files certificates.Files) *config.Config {
	service := func(port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: host}}
	}
	c := &config.Config{
		Persistence: config.Persistence{
			DefaultStore: store, VisibilityStore: store, NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{store: {SQL: database}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address(p.frontend)},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			"frontend": service(p.frontend), "internal-frontend": service(p.internal), "history": service(p.history), "matching": service(p.matching), "worker": service(p.worker),
		},
		Archival: config.Archival{
			History: config.HistoryArchival{State: "disabled"}, Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
	c.Global.TLS = tlsConfig(files)
	c.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: host}
	return c
}

// dynamicConfig lifts limits that are made for clusters, and closes what Fermata does not use.
func dynamicConfig(different map[string]any) dynamicconfig.StaticClient {
	const pollsPerSecond = 2000 // The default of 20 costs each sequential step 44 ms on one shard.
	settings := map[string]any{
		"history.transferProcessorMaxPollRPS":            pollsPerSecond,
		"history.timerProcessorMaxPollRPS":               pollsPerSecond,
		"history.visibilityProcessorMaxPollRPS":          pollsPerSecond,
		"history.outboundProcessorMaxPollRPS":            pollsPerSecond,
		"frontend.namespaceRPS.visibility":               1000,
		"system.forceSearchAttributesCacheRefreshOnRead": true,
		"matching.enableFairness":                        true,
		"frontend.WorkflowPauseEnabled":                  true,
		// Whoever may write to the frontend could start any activity by itself, past every approval.
		"activity.enableStandalone": false,
		// Histories tell whose certificate brought a message.
		"frontend.enablePrincipalPropagation": true,
	}
	maps.Copy(settings, different)
	client := dynamicconfig.StaticClient{}
	for name, value := range settings {
		client[dynamicconfig.MakeKey(name)] = value
	}
	return client
}
