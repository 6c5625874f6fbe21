// Package starter is the command line of Fermata.
//
// It reads specs, signs commands with the person's own SSH key, and shows what the server says. Whatever it can do, the
// client can: no decision is taken here.
package starter

import (
	"strings"

	"github.com/urfave/cli/v2"

	"fermata/build"
)

// New returns the command line.
func New() *cli.App {
	app := &cli.App{
		Name:  "fermata",
		Usage: "carry IT work through many systems and never lose its place",
		Description: "A spec goes in, a durable run carries it through real systems, a record comes out.\n\n" +
			"   fermata plan examples/web-server.yaml      what would be done\n" +
			"   fermata run examples/web-server.yaml       start, and watch\n" +
			"   fermata approve server/web-01              somebody else lets it go on\n\n" +
			"RUN is a target (server/web-01, or just web-01) or the ULID of a run.\n\n" + exitCodes,
		Version: build.Of().String(),
		Flags:   globalFlags(),
		Suggest: true, EnableBashCompletion: true,
		Commands: []*cli.Command{
			planCommand(), runCommand(), diffCommand(), listCommand(), showCommand(), watchCommand(),
			approveCommand(), rejectCommand(), retryCommand(), skipCommand(), undoCommand(), cancelCommand(),
			decommissionCommand(), restoreCommand(), purgeCommand(), rotateDatabaseCommand(), startCommand(),
			stopCommand(), resumeCommand(), automationCommand(), policyCommand(),
			historyCommand(), schemaCommand(), validateCommand(), doctorCommand(), keysCommand(), codecCommand(), versionCommand(),
		},
		Metadata: map[string]any{dialKey: dialer(dialTemporal)},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usage("there is no command %q; `fermata --help` lists them%s", c.Args().First(), didYouMean(c))
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return usage("%v", err) },
		ExitErrHandler: func(*cli.Context, error) {
			// The exit code is main's to give.
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = app.OnUsageError
		for _, sub := range c.Subcommands {
			sub.OnUsageError = app.OnUsageError
		}
	}
	return app
}

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", EnvVars: []string{"FERMATA_CONFIG"}, Usage: "description of the installation `FILE` (default: ./fermata.yaml, then fermata/fermata.yaml in the user's configuration folder)"},
		&cli.StringFlag{Name: "as", EnvVars: []string{"FERMATA_PERSON"}, Usage: "sign as `PERSON` (default: whose key it is, by allowed_signers)"},
		&cli.StringFlag{Name: "key", EnvVars: []string{"FERMATA_KEY"}, Usage: "sign with the private key in `FILE` (default: the key in ssh-agent)"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "`FORM` of the answer: table, json or yaml"},
		&cli.StringFlag{Name: "profile", Usage: "reach Temporal as profile `NAME` of its own configuration says, instead of the configured address"},
		&cli.StringFlag{Name: "address", Usage: "Temporal at `HOST:PORT` instead of the configured one"},
		&cli.StringFlag{Name: "namespace", Usage: "Temporal's namespace instead of the configured one"},
		// NO_COLOR means no colours whatever its value, so it is not read as a truth value here: see newScreen.
		&cli.BoolFlag{Name: "no-color", Usage: "no colours, even on a terminal (also: NO_COLOR set to anything)"},
		&cli.BoolFlag{Name: "verbose", Usage: "tell on standard error what the connection does"},
	}
}

func didYouMean(c *cli.Context) string {
	if best := cli.SuggestCommand(c.App.Commands, c.Args().First()); best != "" {
		return "; " + strings.ToLower(best[:1]) + best[1:]
	}
	return ""
}
