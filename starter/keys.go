package starter

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/config"
	"fermata/config/providers"
	"fermata/encryption"
)

func keysCommand() *cli.Command {
	return &cli.Command{
		Name: "keys", Usage: "list, make and rotate the keys that payloads are sealed with",
		Description: "A rotation without an outage, each phase after the one before has reached every process:\n\n" +
			"   fermata keys new k1 --out secrets/payload-key   the first key of an installation\n" +
			"   fermata keys rotate                             1. a new key that opens; restart the workers, one by one\n" +
			"   fermata keys rotate --activate k2               2. it seals from now on; restart the workers, one by one\n" +
			"   fermata keys list --used                        which keys the open runs need\n" +
			"   fermata keys retire k1                          3. the old one goes, when no open run needs it",
		Subcommands: []*cli.Command{keysListCommand(), keysNewCommand(), keysRotateCommand(), keysRetireCommand()},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usage("there is no command \"keys %s\"; `fermata keys --help` lists them", line(c.Args().First()))
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

func keysListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the keys: which seals, where each is kept, and when it was made",
		Description: "   fermata keys list\n   fermata keys list --used\n\n" +
			"A key is bound if what it seals for one run is refused in another; keys from before that are not.",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "used", Usage: "ask Temporal how many open workflows need each key: reads their histories"}},
		Before: argumentsOf("keys list", "", 0, 0),
		Action: func(c *cli.Context) error {
			if c.Bool("used") {
				return within(func(ctx context.Context, s *session) error {
					used, err := s.client.KeysInUse(ctx)
					if err != nil {
						return err
					}
					return listKeys(c, s.cfg, used)
				})(c)
			}
			cfg, err := load(c)
			if err != nil {
				return err
			}
			return listKeys(c, cfg, nil)
		},
	}
}

// listed is one key as it is shown. There is no secret in it.
type listed struct {
	ID      string     `json:"id"`
	Active  bool       `json:"active"`
	Secret  string     `json:"secret"` // The reference.
	Bound   *bool      `json:"bound,omitempty"`
	Created *time.Time `json:"created,omitempty"`
	Used    *int       `json:"open_workflows,omitempty"`
	Problem string     `json:"problem,omitempty"`
}

// listKeys shows the keys of the description; and one that is not there, if something open needs it.
func listKeys(c *cli.Context, cfg *config.Installation, used map[string]int) error {
	s := newScreen(c)
	if err := s.checkOutput(); err != nil {
		return err
	}
	secrets, err := providers.Open(cfg)
	if err != nil {
		return err
	}
	var keys []listed
	for _, k := range cfg.Encryption.Keys {
		l := listed{ID: k.ID, Active: k.ID == cfg.Encryption.Active, Secret: string(k.Secret)}
		if key, err := providers.Key(c.Context, k, secrets); err != nil {
			l.Problem = err.Error()
		} else {
			l.Bound = &key.Bound
			if !key.Created.IsZero() {
				l.Created = &key.Created
			}
		}
		keys = append(keys, l)
	}
	for id := range used {
		if !slices.ContainsFunc(keys, func(l listed) bool { return l.ID == id }) {
			keys = append(keys, listed{ID: id, Problem: "open workflows need it, and it is not in encryption.keys"})
		}
	}
	if used != nil {
		for i := range keys {
			n := used[keys[i].ID]
			keys[i].Used = &n
		}
	}
	if done, err := s.document(keys); done || err != nil {
		return err
	}
	return s.keys(keys)
}

func (s screen) keys(keys []listed) error {
	var rows [][]string
	for _, k := range keys {
		row := []string{line(k.ID), "opens", "", "", line(k.Secret), "", line(k.Problem)}
		if k.Active {
			row[1] = "seals and opens"
		}
		if k.Bound != nil {
			row[2] = map[bool]string{true: "yes", false: "no"}[*k.Bound]
		}
		if k.Created != nil {
			row[3] = k.Created.Format(time.DateOnly)
		}
		if k.Used != nil {
			row[5] = strconv.Itoa(*k.Used)
		}
		if k.Secret == "" {
			row[1] = "missing"
		}
		rows = append(rows, row)
	}
	return s.table([]string{"KEY", "DOES", "BOUND", "MADE", "SECRET", "OPEN WORKFLOWS", "PROBLEM"}, rows)
}

func keysNewCommand() *cli.Command {
	return &cli.Command{
		Name: "new", Usage: "make a key and write it to a file, for an installation that is being described", ArgsUsage: "ID",
		Description: "   fermata keys new k1 --out secrets/payload-key\n\nThe file has mode 0600 and must not be there. The key is never printed.",
		Flags:       []cli.Flag{outFlag()},
		Before:      argumentsOf("keys new", "ID --out FILE", 1, 1),
		Action: func(c *cli.Context) error {
			if c.String("out") == "" {
				return usage("where to? Name a file with --out")
			}
			key, err := encryption.GenerateKey(c.Args().First())
			if err != nil {
				return usage("%v", err)
			}
			if err := providers.WriteKey(c.String("out"), key); err != nil {
				return err
			}
			newScreen(c).printf("the key %s is in %s\n", line(key.ID), line(c.String("out")))
			return nil
		},
	}
}

func outFlag() cli.Flag {
	return &cli.StringFlag{Name: "out", Usage: "write the key to `FILE`, of mode 0600; never over one that is there"}
}

// argumentsOf is arguments for a command within a command.
func argumentsOf(name, form string, least, most int) cli.BeforeFunc {
	return func(c *cli.Context) error {
		if c.NArg() < least || c.NArg() > most {
			return usage("expected `fermata %s`, found %d arguments; `fermata %s --help` has an example", strings.TrimSpace(name+" "+form), c.NArg(), name)
		}
		return nil
	}
}

// conflict is about what stands in the way.
func conflict(format string, args ...any) error { return fault.New(fault.Conflict, format, args...) }
