package starter

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/spec"
)

// session is what a command needs of the installation.
type session struct {
	c      *cli.Context
	cfg    *config.Installation
	client runs
	screen screen
	person client.Person // Who signs; of commands that do.
}

// within runs a command that only reads.
func within(do func(ctx context.Context, s *session) error) cli.ActionFunc { return action(false, do) }

// signing runs a command that a person signs. The key is looked at before the server is: what is wrong with it does not
// depend on others.
func signing(do func(ctx context.Context, s *session) error) cli.ActionFunc { return action(true, do) }

func action(signs bool, do func(ctx context.Context, s *session) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		err := open(c, signs, do)
		var own coded
		if err != nil && c.Context.Err() != nil && !errors.As(err, &own) {
			return interrupted("interrupted; a run that was started goes on: `fermata list --open` shows it")
		}
		return err
	}
}

func open(c *cli.Context, signs bool, do func(ctx context.Context, s *session) error) error {
	s := &session{c: c, screen: newScreen(c)}
	if err := s.screen.checkOutput(); err != nil {
		return err
	}
	var err error
	if s.cfg, err = load(c); err != nil {
		return err
	}
	if signs {
		person, done, err := s.identify()
		if err != nil {
			return err
		}
		defer func() { _ = done.Close() }()
		s.person = person
	}
	options, err := connection(c, s.cfg)
	if err != nil {
		return err
	}
	if s.client, err = dial(c, options); err != nil {
		return err
	}
	defer s.client.Close()
	return do(c.Context, s)
}

// connection says how the server is reached. What the configuration names and cannot be read is the person's to mend.
func connection(c *cli.Context, cfg *config.Installation) (client.Options, error) {
	options, err := client.FromConfig(c.Context, cfg, providers.Keys, logger(c))
	var known *fault.Error
	if err != nil && (!errors.As(err, &known) || known.Kind == fault.NotFound) {
		err = fault.Wrap(fault.Invalid, err, "opening what the configuration names")
	}
	return options, err
}

func load(c *cli.Context) (*config.Installation, error) {
	path, err := configPath(c.String("config"))
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path)
	var problems spec.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, usage("%v\nName the description of the installation with --config or FERMATA_CONFIG.", err)
	}
	if err != nil {
		return nil, err
	}
	if v := c.String("profile"); v != "" {
		// The profile was asked for: what the configuration says of the connection would override it.
		cfg.Temporal = config.Temporal{Profile: v, ConfigFile: cfg.Temporal.ConfigFile}
	}
	if v := c.String("address"); v != "" {
		cfg.Temporal.Address = v
	}
	if v := c.String("namespace"); v != "" {
		cfg.Temporal.Namespace = v
	}
	return cfg, nil
}

func configPath(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	candidates := []string{"fermata.yaml"}
	if folder, err := os.UserConfigDir(); err == nil {
		candidates = append(candidates, filepath.Join(folder, "fermata", "fermata.yaml"))
	}
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", usage("which installation? Name its description with --config or FERMATA_CONFIG (looked for %s).\n"+
		"The sandbox prints the path of its own when it starts.", strings.Join(candidates, " and "))
}

var ulidForm = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// target is what a person wrote, resolved.
type target struct {
	workflowID string
	runID      string // Temporal's; empty: the latest.
	run        string // ULID, if the person named one: then no other run is meant.
}

// target turns what a person wrote into a workflow id.
func (s *session) target(ctx context.Context, text string) (target, error) {
	if !ulidForm.MatchString(text) {
		return target{workflowID: workflowIDOf(text)}, nil
	}
	found, err := s.client.List(ctx, client.Filter{Run: text, Limit: 1})
	if err != nil {
		return target{}, err
	}
	if len(found) == 0 {
		return target{}, fault.New(fault.NotFound, "no run %s: its history may have expired; `fermata history %s` reads its record", text, text)
	}
	return target{workflowID: found[0].WorkflowID, runID: found[0].RunID, run: text}, nil
}

// arguments checks how many words a command was given, before anything is asked of anybody.
func arguments(least, most int) cli.BeforeFunc {
	return func(c *cli.Context) error {
		if c.NArg() < least || (most >= 0 && c.NArg() > most) {
			name := c.Command.HelpName // With the command that it belongs to: fermata policy check.
			return usage("expected `%s`, found %d arguments; `%s --help` has an example", strings.TrimSpace(name+" "+c.Command.ArgsUsage), c.NArg(), name)
		}
		return nil
	}
}

func workflowIDOf(text string) string {
	if strings.Contains(text, "/") {
		return text
	}
	return "server/" + text
}
