package starter

import (
	"github.com/urfave/cli/v2"

	"fermata/client"
	"fermata/spec"
)

// startCommand starts what a worker of the installation's own has registered. This command line knows neither the workflow
// nor what its document means.
func startCommand() *cli.Command {
	return &cli.Command{
		Name: "start", Usage: "start a process of your own, which a worker of your own carries", ArgsUsage: "FILE",
		Description: "   fermata start --workflow PublishBanner banner.yaml\n\n" +
			"FILE has an apiVersion of your own (example.com/v1), a kind, metadata and a spec. Its form is checked here, its spec by the\n" +
			"workflow. The start is signed with your key; the policy's rules match the workflow's type as the kind.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "workflow", Usage: "`TYPE` of the workflow, as the worker registers it"},
			&cli.StringFlag{Name: "target", Usage: "`ID` of the run: the lock on what it changes (default: kind/name of FILE, such as banner/shop)"},
		}, startFlags()...),
		Before: arguments(1, 1),
		Action: func(c *cli.Context) error {
			if c.String("workflow") == "" {
				return usage("which process? --workflow names the type that your worker registers, such as PublishBanner")
			}
			data, err := readDocument(c.Args().First())
			if err != nil {
				return err
			}
			document, err := spec.ParseOwn(c.Args().First(), data)
			if err != nil {
				return err
			}
			request, err := client.Own(c.String("workflow"), c.String("target"), document)
			if err != nil {
				return err
			}
			return starting(c, always(request))
		},
	}
}
