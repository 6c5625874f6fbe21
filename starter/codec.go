package starter

import "github.com/urfave/cli/v2"

func codecCommand() *cli.Command { return &cli.Command{Name: "codec"} }
