package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.temporal.io/sdk/client"

	"fermata/access/namespace"
)

// registerCommand makes what Fermata needs of a new cluster. Run again, it changes nothing.
func registerCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name: "register", Usage: "make the namespace and its search attributes, with an admin's certificate",
		Description: "   fermata-temporal register --address temporal.example:7233 --ca clients-ca.pem --cert admin.pem --key admin.key",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "address", Required: true, Usage: "the frontend's `HOST:PORT`"},
			&cli.StringFlag{Name: "namespace", Value: "fermata"},
			&cli.DurationFlag{Name: "retention", Value: 30 * 24 * time.Hour, Usage: "how long closed histories are kept, in a new namespace"},
			&cli.StringFlag{Name: "ca", Required: true, Usage: "the frontend's authority"},
			&cli.StringFlag{Name: "cert", Required: true, Usage: "the admin's certificate"},
			&cli.StringFlag{Name: "key", Required: true, Usage: "the admin's key"},
			&cli.StringFlag{Name: "server-name", Usage: "name in the frontend's certificate, if it is not the address's host"},
		},
		Action: func(c *cli.Context) error {
			host, _, _ := strings.Cut(c.String("address"), ":")
			if name := c.String("server-name"); name != "" {
				host = name
			}
			settings, err := clientTLS(c.String("cert"), c.String("key"), []string{c.String("ca")}, host)
			if err != nil {
				return cli.Exit(err, 2)
			}
			ctx, cancel := context.WithTimeout(c.Context, 2*time.Minute)
			defer cancel()
			connection, err := client.DialContext(ctx, client.Options{HostPort: c.String("address"), ConnectionOptions: client.ConnectionOptions{TLS: settings}})
			if err != nil {
				return fmt.Errorf("connecting to %s: %w", c.String("address"), err)
			}
			defer connection.Close()
			if err := namespace.Register(ctx, connection, c.String("namespace"), c.Duration("retention")); err != nil {
				return err
			}
			fmt.Fprintf(stdout, "namespace %s and its search attributes are there\n", c.String("namespace"))
			return nil
		},
	}
}

// passwordCommand prints a file for Temporal's passwordCommand, where there is no other program that could.
func passwordCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name: "password", Usage: "print a file, for passwordCommand in temporal.yaml", ArgsUsage: "FILE",
		Action: func(c *cli.Context) error {
			data, err := os.ReadFile(c.Args().First())
			if err != nil {
				return cli.Exit(fmt.Errorf("reading the password: %w", err), 2)
			}
			fmt.Fprint(stdout, strings.TrimSpace(string(data)))
			return nil
		},
	}
}
