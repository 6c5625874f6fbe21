package starter

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"fermata/client"
	"fermata/wire"
)

// served says what a system of each type is for. It is the same table that the integrations declare to workers.
var served = map[string]string{
	"vsphere": "compute", "linux": "guest", "nftables": "firewall", "haproxy": "loadbalancer",
	"requesttracker": "ticketing", "http": "probe",
}

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "check every system and credential, and say how to mend what is wrong",
		Description: "   fermata doctor\n   fermata -o json doctor",
		Action: func(c *cli.Context) error {
			screen := newScreen(c)
			if err := screen.checkOutput(); err != nil {
				return err
			}
			findings := examine(c)
			if done, err := screen.document(findings); err != nil {
				return err
			} else if !done {
				for _, f := range findings {
					mark := screen.paint(green, "ok ")
					if !f.OK {
						mark = screen.paint(red, "NO ")
					}
					screen.printf("%s %-24s %s\n", mark, line(f.Name), line(f.Text))
				}
			}
			for _, f := range findings {
				if !f.OK {
					return coded{exitUnavailable, ""}
				}
			}
			return nil
		},
	}
}

// examine looks at one thing after the other, as far as it gets.
func examine(c *cli.Context) (findings []wire.Observation) {
	note := func(name string, err error, format string, args ...any) bool {
		o := wire.Observation{Name: name, Text: fmt.Sprintf(format, args...), OK: err == nil}
		if err != nil {
			o.Text = err.Error()
		}
		findings = append(findings, o)
		return err == nil
	}
	cfg, err := load(c)
	if !note("configuration", err, "can be read") {
		return findings
	}
	findings[0].Text = "installation " + cfg.Name
	options, err := client.FromConfig(c.Context, cfg, quiet())
	if !note("keys", err, "payload key %s can be read", cfg.Encryption.Active) {
		return findings
	}
	connected, err := client.Dial(c.Context, options)
	if !note("Temporal", err, "answers at %s", cfg.Temporal.Address) {
		return findings
	}
	defer connected.Close()
	missing, err := connected.MissingAttributes(c.Context)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("search attributes are missing: temporal operator search-attribute create%s", commandFor(missing))
	}
	note("search attributes", err, "are registered")
	s := &session{c: c, cfg: cfg, client: connected}
	if person, done, err := s.person(); note("signing", err, "as %s", person.Name) {
		_ = done.Close()
	}
	return append(findings, systems(c.Context, s)...)
}

func commandFor(missing map[string]string) string {
	text := ""
	for name, kind := range missing {
		text += fmt.Sprintf(" --name %s --type %s", name, kind)
	}
	return text
}

func systems(ctx context.Context, s *session) []wire.Observation {
	refs := []wire.SystemRef{{Name: "", Capability: "record"}}
	var unknown []wire.Observation
	for _, system := range s.cfg.Systems {
		capability, known := served[system.Type]
		if !known {
			unknown = append(unknown, wire.Observation{Name: system.Name, Text: "type " + system.Type + " is not one that doctor knows", OK: true})
			continue
		}
		refs = append(refs, wire.SystemRef{Name: system.Name, Capability: capability, Site: system.Site})
	}
	findings, err := s.client.Check(ctx, refs)
	if err != nil {
		return append(unknown, wire.Observation{Name: "workers", Text: err.Error() + ": is a worker running that serves workflows?"})
	}
	return append(unknown, findings...)
}
