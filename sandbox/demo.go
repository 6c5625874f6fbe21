package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/spec"
	"fermata/starter"
	"fermata/wire"
)

// demonstrate carries one spec from its plan to its record, by the same commands that a person would type.
//
// This is the only place that can approve by itself, and only where no terminal is there to ask.
func demonstrate(ctx context.Context, c *cli.Context, file string) (err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return usage("reading the spec: %v", err)
	}
	target, err := spec.Check(file, data)
	if err != nil {
		return usage("%v", err)
	}
	s, err := begin(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	interactive := term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
	d := demo{sandbox: s, app: c, file: file, target: target, interactive: interactive}
	status := d.carry(ctx)
	if !interactive {
		return status
	}
	if status != nil {
		starter.ExitCode(c.App.ErrWriter, status)
	}
	if ctx.Err() == nil {
		d.stay()
		<-ctx.Done()
	}
	fmt.Fprintln(c.App.Writer, "\nStopping ...")
	return nil
}

// stay says what a person can do while the sandbox stays up.
func (d demo) stay() {
	fmt.Fprintf(d.app.App.Writer, "\nThe sandbox stays up.\n  web UI    %s\n  service   %s\n\nIn another terminal:\n\n"+
		"  export FERMATA_CONFIG=%s\n  export FERMATA_KEY=%s\n  bin/fermata list\n\n"+
		"Ctrl-C stops; the same command finds everything again.\n",
		d.sandbox.uiAddress(), d.sandbox.Estate.ServiceURL(), d.sandbox.Config, d.sandbox.People.RequesterKey)
}

type demo struct {
	sandbox     *Sandbox
	app         *cli.Context
	file        string
	target      string // server/web-01, fleet/storefront.
	interactive bool
}

func (d demo) carry(ctx context.Context) error {
	if !d.interactive {
		fmt.Fprintf(d.app.App.Writer, "No terminal: the two people that this sandbox invented act, %s and %s.\n", Requester, Approver)
	}
	phase, served, err := d.found(ctx)
	if err != nil {
		return err
	}
	target := d.target
	switch {
	case phase != "":
		fmt.Fprintf(d.app.App.Writer, "An earlier run of %s is %s: going on with it.\n", target, phase)
	case served:
		fmt.Fprintf(d.app.App.Writer, "%s is in service already. Its history follows; `fermata decommission NAME` takes a server out of service.\n", target)
		return d.as(ctx, d.sandbox.People.RequesterKey, "history", target)
	default:
		if err := d.begin(ctx); err != nil {
			return err
		}
	}
	if phase == "" || phase == wire.Planning || phase == wire.Waiting {
		if err := d.approve(ctx, target); err != nil {
			return err
		}
	}
	if err := d.as(ctx, d.sandbox.People.RequesterKey, "watch", target); err != nil {
		return err
	}
	return d.as(ctx, d.sandbox.People.RequesterKey, "history", target)
}

// found looks at what an earlier process left: a run that goes on, or a server that is in service.
func (d demo) found(ctx context.Context) (phase wire.Phase, served bool, err error) {
	cfg, err := config.Load(d.sandbox.Config)
	if err != nil {
		return "", false, err
	}
	options, err := client.FromConfig(ctx, cfg, providers.Keys, d.sandbox.o.Log)
	if err != nil {
		return "", false, err
	}
	c, err := client.Dial(ctx, options)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	open, err := c.Open(ctx, d.target)
	if err != nil {
		return "", false, err
	}
	if open {
		p, err := c.Progress(ctx, d.target, "")
		return p.Phase, false, err
	}
	served, err = c.Managed(ctx, d.target)
	return "", served, err
}

// begin starts the run. Where somebody is asked, the question shows the plan; elsewhere it is shown here.
func (d demo) begin(ctx context.Context) error {
	if d.interactive {
		return d.as(ctx, d.sandbox.People.RequesterKey, "run", "--detach", d.file)
	}
	if err := d.as(ctx, d.sandbox.People.RequesterKey, "plan", d.file); err != nil {
		return err
	}
	return d.as(ctx, d.sandbox.People.RequesterKey, "run", "--detach", d.file)
}

func (d demo) approve(ctx context.Context, target string) error {
	if d.interactive {
		fmt.Fprintf(d.app.App.Writer, "\nNow you are %s, who is not the requester.\n", Approver)
		return d.as(ctx, d.sandbox.People.ApproverKey, "approve", target)
	}
	return d.as(ctx, d.sandbox.People.ApproverKey, "approve", "--yes", "--reason", "demonstration without a terminal", target)
}

// as runs the real command line in this process, with a person's key, and shows what it runs.
func (d demo) as(ctx context.Context, key string, args ...string) error {
	fmt.Fprintf(d.app.App.Writer, "\n$ fermata %s\n", strings.Join(args, " "))
	app := starter.New()
	app.Writer, app.ErrWriter = d.app.App.Writer, d.app.App.ErrWriter
	return app.RunContext(ctx, append([]string{"fermata", "--config", d.sandbox.Config, "--key", key}, args...))
}
