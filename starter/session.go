package starter

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"
	"golang.org/x/term"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/config"
	"fermata/decision"
)

// session is what a command needs of the installation.
type session struct {
	c      *cli.Context
	cfg    *config.Installation
	client *client.Client
	screen screen
}

// within runs a command against the installation.
func within(do func(ctx context.Context, s *session) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		s := &session{c: c, screen: newScreen(c)}
		if err := s.screen.checkOutput(); err != nil {
			return err
		}
		cfg, err := load(c)
		if err != nil {
			return err
		}
		s.cfg = cfg
		options, err := client.FromConfig(c.Context, cfg, nil)
		if err != nil {
			return err
		}
		options.Log = quiet()
		if s.client, err = client.Dial(c.Context, options); err != nil {
			return err
		}
		defer s.client.Close()
		return do(c.Context, s)
	}
}

func load(c *cli.Context) (*config.Installation, error) {
	path, err := configPath(c.String("config"))
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	if v := c.String("profile"); v != "" {
		cfg.Temporal.Profile = v
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

// person is who signs: the name and the key.
func (s *session) person() (client.Person, io.Closer, error) {
	signer, closer, err := s.signer()
	if err != nil {
		return client.Person{}, nil, fault.Wrap(fault.Unauthorized, err, "this command must be signed")
	}
	name, err := s.name(signer.PublicKey())
	if err != nil {
		_ = closer.Close()
		return client.Person{}, nil, err
	}
	return client.Person{Name: name, Signer: signer}, closer, nil
}

func (s *session) signer() (ssh.Signer, io.Closer, error) {
	if path := s.c.String("key"); path != "" {
		signer, err := decision.SignerFromFile(path, askPassphrase)
		return signer, io.NopCloser(nil), err
	}
	if os.Getenv("SSH_AUTH_SOCK") == "" {
		return nil, nil, fmt.Errorf("no key: name a private key with --key or FERMATA_KEY, or load one into ssh-agent")
	}
	return decision.SignerFromAgent("", "")
}

func askPassphrase() ([]byte, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, fmt.Errorf("the key is encrypted and there is no terminal to ask for its passphrase: load it into ssh-agent")
	}
	fmt.Fprint(os.Stderr, "Passphrase: ")
	defer fmt.Fprintln(os.Stderr)
	return term.ReadPassword(int(os.Stdin.Fd()))
}

// name is --as, or whose key it is.
func (s *session) name(key ssh.PublicKey) (string, error) {
	if name := s.c.String("as"); name != "" {
		return name, nil
	}
	file, err := os.Open(s.cfg.Decisions.AllowedSigners)
	if err != nil {
		return "", fault.Wrap(fault.Unauthorized, err, "looking up whose key this is (or say so with --as)")
	}
	defer func() { _ = file.Close() }()
	allowed, err := decision.ParseAllowedSigners(file)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "reading "+s.cfg.Decisions.AllowedSigners)
	}
	names := allowed.Principals(key, decision.Namespace, time.Now())
	if len(names) != 1 {
		return "", fault.New(fault.Unauthorized, "key %s stands for %d people in allowed_signers (%s): say who you are with --as",
			decision.Fingerprint(key), len(names), strings.Join(names, ", "))
	}
	return names[0], nil
}

var ulidForm = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// target turns what a person wrote into a workflow id.
func (s *session) target(ctx context.Context, text string) (workflowID, runID string, err error) {
	if ulidForm.MatchString(text) {
		runs, err := s.client.List(ctx, client.Filter{Run: text, Limit: 1})
		if err != nil {
			return "", "", err
		}
		if len(runs) == 0 {
			return "", "", fault.New(fault.NotFound, "no run %s: its history may have expired; `fermata history %s` reads its record", text, text)
		}
		return runs[0].WorkflowID, runs[0].RunID, nil
	}
	return workflowIDOf(text), "", nil
}

// one returns the only argument.
func one(c *cli.Context, what string) (string, error) {
	if c.NArg() != 1 {
		return "", usage("expected one %s: fermata %s %s", what, c.Command.Name, c.Command.ArgsUsage)
	}
	return c.Args().First(), nil
}

func workflowIDOf(text string) string {
	if strings.Contains(text, "/") {
		return text
	}
	return "server/" + text
}
