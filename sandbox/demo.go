package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fermata/spec"
	"fermata/starter"
)

// demonstrate carries one spec from its plan to its record, by the same commands that a person would type.
//
// This is the only place that can approve by itself, and only where no terminal is there to ask.
func demonstrate(ctx context.Context, c *cli.Context, file string) (err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return cli.Exit(fmt.Sprintf("reading the spec: %v", err), 2)
	}
	server, err := spec.Parse(file, data)
	if err != nil {
		return cli.Exit(err.Error(), 2)
	}
	s, err := begin(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	interactive := term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
	d := demo{sandbox: s, app: c, file: file, target: server.WorkflowID(), interactive: interactive}
	status := d.carry(ctx)
	if !interactive {
		return status
	}
	if status != nil {
		fmt.Fprintln(c.App.Writer, status)
	}
	fmt.Fprintf(c.App.Writer, "\nThe sandbox stays up. Web UI: %s. The service: %s. Ctrl-C stops; `make run` finds its state again.\n", s.UIURL(), s.Estate.ServiceURL())
	<-ctx.Done()
	return nil
}

type demo struct {
	sandbox     *Sandbox
	app         *cli.Context
	file        string
	target      string
	interactive bool
}

func (d demo) carry(ctx context.Context) error {
	if !d.interactive {
		fmt.Fprintf(d.app.App.Writer, "No terminal: the two people that this sandbox invented act, %s and %s.\n\n", Requester, Approver)
	}
	approve := []string{"approve", d.target}
	if !d.interactive {
		approve = []string{"approve", "--yes", "--reason", "the sandbox's demonstration", d.target}
	}
	for _, step := range []struct {
		key  string
		args []string
	}{
		{d.sandbox.People.RequesterKey, []string{"plan", d.file}},
		{d.sandbox.People.RequesterKey, []string{"run", "--detach", d.file}},
		{d.sandbox.People.ApproverKey, approve},
		{d.sandbox.People.RequesterKey, []string{"watch", d.target}},
		{d.sandbox.People.RequesterKey, []string{"history", d.target}},
	} {
		if err := d.fermata(ctx, step.key, step.args); err != nil {
			return err
		}
	}
	return nil
}

// fermata runs the real command line in this process, and shows what it runs.
func (d demo) fermata(ctx context.Context, key string, args []string) error {
	fmt.Fprintf(d.app.App.Writer, "\n$ fermata %s\n", strings.Join(args, " "))
	app := starter.New()
	app.Writer, app.ErrWriter = d.app.App.Writer, d.app.App.ErrWriter
	app.ExitErrHandler = func(*cli.Context, error) {} // The sandbox ends itself.
	return app.RunContext(ctx, append([]string{"fermata", "--config", d.sandbox.Config, "--key", key}, args...))
}
