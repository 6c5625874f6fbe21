package starter

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/config"
	"fermata/config/providers"
	"fermata/encryption"
)

func keysRotateCommand() *cli.Command {
	return &cli.Command{
		Name: "rotate", Usage: "make a new key, or let one that is everywhere seal from now on",
		Description: "   fermata keys rotate\n   fermata keys rotate --activate 2026-11-25\n   fermata keys rotate --id k2 --out /run/k2     for a provider that cannot be written here\n\n" +
			"Without --activate it makes a key, puts it where the file provider reads it, and adds it to the description as one that\n" +
			"opens. Every process must have it before it seals: workers and command lines read their keys when they start. A worker\n" +
			"that is stopped and started again loses nothing.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "id", Usage: "call the new key `ID` (default: the day)"}, outFlag(),
			&cli.StringFlag{Name: "activate", Usage: "let the key `ID` seal, once every process has it"},
		},
		Before: argumentsOf("keys rotate", "", 0, 0),
		Action: func(c *cli.Context) error {
			path, cfg, err := described(c)
			if err != nil {
				return err
			}
			if id := c.String("activate"); id != "" {
				if c.IsSet("id") || c.IsSet("out") {
					return usage("--activate makes no key: leave --id and --out away")
				}
				return activate(c, path, cfg, id)
			}
			return addKey(c, path, cfg)
		},
	}
}

// described is the description of the installation, and the file that it stands in.
func described(c *cli.Context) (string, *config.Installation, error) {
	path, err := configPath(c.String("config"))
	if err != nil {
		return "", nil, err
	}
	cfg, err := load(c)
	return path, cfg, err
}

func addKey(c *cli.Context, path string, cfg *config.Installation) error {
	id := c.String("id")
	if id == "" {
		id = free(cfg.Encryption.Keys, time.Now().UTC().Format(time.DateOnly))
	}
	if has(cfg.Encryption.Keys, id) {
		return conflict("there is a key %q already: name another with --id, or let it seal with `fermata keys rotate --activate %s`", id, id)
	}
	key, err := encryption.GenerateKey(id)
	if err != nil {
		return usage("%v", err)
	}
	s := newScreen(c)
	if out := c.String("out"); out != "" {
		if err := providers.WriteKey(out, key); err != nil {
			return err
		}
		s.printf("the key %s is in %s\n\n1. put the text of that file where a provider reads it, on every machine, and remove the file\n"+
			"2. add it to encryption.keys of %s, everywhere:   {id: %q, secret: \"secret://PROVIDER/NAME\"}\n"+
			"3. restart the workers, one by one\n4. fermata keys rotate --activate %s\n", id, line(out), line(path), id, id)
		return nil
	}
	if cfg.Secrets.File == nil {
		return usage("the installation keeps no secrets in files (spec.secrets.file), and other providers are not written to: name a file for the key with --out")
	}
	ref, err := providers.Store(cfg, key)
	if err != nil {
		return err
	}
	if err := config.AddKey(path, config.Key{ID: id, Secret: ref}); err != nil {
		return fmt.Errorf("%w\nThe key was made, and is %s: add {id: %q, secret: %q} to encryption.keys", err, ref, id, string(ref))
	}
	s.printf("the key %s was made and added to %s: it opens, and %s seals as before\n\n"+
		"1. bring the secret (%s) and the description to every machine that runs a worker or this command\n"+
		"2. restart the workers, one by one\n3. fermata keys rotate --activate %s\n", id, line(path), line(cfg.Encryption.Active), ref, id)
	return nil
}

// activate lets a key seal. That it can be read here is the least: who cannot read it could not open what others seal.
func activate(c *cli.Context, path string, cfg *config.Installation, id string) error {
	if !has(cfg.Encryption.Keys, id) {
		return usage("there is no key %q in %s: `fermata keys list` shows them, `fermata keys rotate` makes one", id, path)
	}
	s, was := newScreen(c), cfg.Encryption.Active
	if id == was {
		s.printf("the key %s seals already\n", line(id))
		return nil
	}
	if _, err := providers.Keys(c.Context, cfg); err != nil {
		return err
	}
	if err := config.ActivateKey(path, id); err != nil {
		return err
	}
	s.printf("the key %s seals from now on; %s still opens\n\n1. bring the description to every machine that runs a worker or this command\n"+
		"2. restart the workers, one by one\n3. later: fermata keys list --used, and fermata keys retire %s\n", line(id), line(was), line(was))
	return nil
}

func keysRetireCommand() *cli.Command {
	return &cli.Command{
		Name: "retire", Usage: "take an old key out, when no open run needs it", ArgsUsage: "ID",
		Description: "   fermata keys retire k1\n\n" +
			"It looks through the histories of all open workflows first. Closed histories that the key sealed cannot be shown any\n" +
			"more (`fermata show`, the web UI); records can. The secret itself stays where it is: remove it when nobody will ask.",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "unchecked", Usage: "do not ask Temporal: an open run that needs the key will be stuck until it is back"}},
		Before: argumentsOf("keys retire", "ID", 1, 1),
		Action: func(c *cli.Context) error {
			path, cfg, err := described(c)
			if err != nil {
				return err
			}
			id := c.Args().First()
			i := slices.IndexFunc(cfg.Encryption.Keys, func(k config.Key) bool { return k.ID == id })
			switch {
			case i < 0:
				return usage("there is no key %q in %s: `fermata keys list` shows them", id, path)
			case id == cfg.Encryption.Active:
				return conflict("the key %q seals: let another seal before (`fermata keys rotate`)", id)
			}
			if !c.Bool("unchecked") {
				if err := within(unused(id))(c); err != nil {
					return err
				}
			}
			return retire(newScreen(c), path, cfg.Encryption.Keys[i])
		},
	}
}

// unused refuses while something open needs the key.
func unused(id string) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		used, err := s.client.KeysInUse(ctx)
		if err != nil {
			return err
		}
		if n := used[id]; n > 0 {
			return conflict("the key %q is needed by %d open workflows: let them end (`fermata list --open`), and try again", id, n)
		}
		return nil
	}
}

func retire(s screen, path string, key config.Key) error {
	if err := config.RemoveKey(path, key.ID); err != nil {
		return err
	}
	s.printf("the key %s was taken out of %s; its secret is still %s\n\n1. bring the description to every machine that runs a worker or this command\n"+
		"2. restart the workers, one by one\n", line(key.ID), line(path), line(string(key.Secret)))
	return nil
}

func has(keys []config.Key, id string) bool {
	return slices.ContainsFunc(keys, func(k config.Key) bool { return k.ID == id })
}

// free is the id, or the first with a number behind it that no key has.
func free(keys []config.Key, id string) string {
	for n, candidate := 2, id; ; n++ {
		if !has(keys, candidate) {
			return candidate
		}
		candidate = fmt.Sprintf("%s.%d", id, n)
	}
}
