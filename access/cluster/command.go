// Package cluster is Temporal's server as an installation of Fermata runs it: Temporal's own code and configuration file, with
// mutual TLS everywhere and the roles of package access. It refuses to start where a part of that is missing.
package cluster

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/mysql"      // Databases that a configuration may name.
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql" //
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"     //
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"

	"fermata/access"
	"fermata/access/frontend"
	"fermata/build"
)

// Services are all that a cluster needs; a process may run some of them.
func Services() []string {
	return append([]string{string(primitives.InternalFrontendService)}, temporal.DefaultServices...)
}

// Command is the command line of fermata-temporal.
func Command(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name: "fermata-temporal", Version: build.Of().String() + ", Temporal " + headers.ServerVersion, Usage: "Temporal's server, with a role for each client's certificate",
		Description: "Reads Temporal's own configuration file, and a file that says which certificate may do what.\n\n" +
			"   fermata-temporal --config-file temporal.yaml --roles roles.yaml check\n" +
			"   fermata-temporal --config-file temporal.yaml --roles roles.yaml start",
		Writer: stdout, ErrWriter: stderr,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config-file", EnvVars: []string{config.EnvKeyConfigFile}, Usage: "Temporal's configuration"},
			&cli.StringFlag{Name: "roles", EnvVars: []string{"FERMATA_ROLES"}, Usage: "which certificate may do what"},
		},
		Commands: []*cli.Command{{
			Name: "check", Usage: "say what is wrong with the two files",
			Action: func(c *cli.Context) error {
				if _, err := load(c); err != nil {
					return cli.Exit(err, 2)
				}
				fmt.Fprintln(stdout, "good")
				return nil
			},
		}, {
			Name: "start", Usage: "serve until interrupted",
			Flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "service", Aliases: []string{"svc"}, Value: cli.NewStringSlice(Services()...), EnvVars: []string{"TEMPORAL_SERVICES"}, Usage: "services to run"},
			},
			Action: func(c *cli.Context) error {
				cfg, err := load(c)
				if err != nil {
					return cli.Exit(err, 2)
				}
				return serve(cfg, c.String("roles"), c.StringSlice("service"))
			},
		}, healthCommand(), registerCommand(stdout), passwordCommand(stdout)},
		ExitErrHandler: func(*cli.Context, error) {
			// The exit code is main's to give.
		},
	}
}

// load reads both files and refuses what is wrong with them.
func load(c *cli.Context) (*config.Config, error) {
	for _, name := range []string{"config-file", "roles"} {
		if c.String(name) == "" {
			return nil, fmt.Errorf("--%s is missing: name the file before the command", name)
		}
	}
	cfg, err := config.Load(config.WithConfigFile(c.String("config-file")))
	if err != nil {
		return nil, fmt.Errorf("reading Temporal's configuration: %w", err)
	}
	if _, err := access.Load(c.String("roles")); err != nil {
		return nil, err
	}
	return cfg, Check(cfg)
}

func serve(cfg *config.Config, file string, services []string) error {
	logger := log.NewZapLogger(log.BuildZapLogger(cfg.Log))
	roles, err := access.Open(file, func(err error) { logger.Error("which certificate may do what?", tag.Error(err)) })
	if err != nil {
		return err
	}
	server, err := temporal.NewServer(
		temporal.ForServices(services),
		temporal.WithConfig(cfg),
		temporal.WithLogger(logger),
		temporal.InterruptOn(temporal.InterruptCh()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return frontend.ClaimMapper{Roles: roles} }),
		temporal.WithAuthorizer(frontend.Authorizer{}),
	)
	if err != nil {
		return fmt.Errorf("preparing Temporal: %w", err)
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("running Temporal: %w", err)
	}
	return nil
}
