// fermata-temporal is Temporal's server with a role for each client's certificate.
package main

import (
	"os"

	"fermata/access/cluster"
	"fermata/starter"
)

func main() {
	os.Exit(starter.ExitCode(os.Stderr, cluster.Command(os.Stdout, os.Stderr).Run(os.Args)))
}
