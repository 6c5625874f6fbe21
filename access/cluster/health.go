package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/primitives"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// askFor is how long a server may take to answer for its health.
const askFor = 4 * time.Second

// healthCommand is for container images, which have no other program that could ask.
func healthCommand() *cli.Command {
	return &cli.Command{
		Name: "health", Usage: "ask the server of this configuration, on this machine, whether it serves",
		Action: func(c *cli.Context) error {
			cfg, err := config.Load(config.WithConfigFile(c.String("config-file")))
			if err != nil {
				return cli.Exit(err, 2)
			}
			ctx, cancel := context.WithTimeout(c.Context, askFor)
			defer cancel()
			return ask(ctx, cfg)
		},
	}
}

// ask asks the internal frontend, as Temporal's own parts do: it serves when the database answers and the others are found.
func ask(ctx context.Context, cfg *config.Config) error {
	service, there := cfg.Services[string(primitives.InternalFrontendService)]
	if !there {
		return errors.New("asking for health: the configuration has no internal-frontend")
	}
	host := service.RPC.BindOnIP
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	internode := cfg.Global.TLS.Internode
	settings, err := clientTLS(internode.Server.CertFile, internode.Server.KeyFile, internode.Client.RootCAFiles, internode.Client.ServerName)
	if err != nil {
		return fmt.Errorf("asking for health: %w", err)
	}
	address := net.JoinHostPort(host, strconv.Itoa(service.RPC.GRPCPort))
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(credentials.NewTLS(settings)))
	if err != nil {
		return fmt.Errorf("asking for health: %w", err)
	}
	defer func() { _ = connection.Close() }()
	answer, err := grpc_health_v1.NewHealthClient(connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "temporal.api.workflowservice.v1.WorkflowService"})
	if err == nil && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		err = errors.New(answer.GetStatus().String())
	}
	if err != nil {
		return fmt.Errorf("asking %s for its health: %w", address, err)
	}
	return nil
}

func clientTLS(certificate, key string, authorities []string, name string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, file := range authorities {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("there is no certificate in %s", file)
		}
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: name}, nil
}
