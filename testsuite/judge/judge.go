// Package judge tells what the sandbox's systems hold, in ways of its own: property reads, the devices' own commands,
// files, sockets. It shares no code with the drivers, so that a driver's mistake is not repeated by who looks for it.
package judge

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.temporal.io/sdk/client"

	"fermata/sandbox/estate"
)

// Judge looks at one sandbox.
type Judge struct {
	Estate *estate.Estate
	Folder string // The sandbox's: its secrets and records.
	// Temporal is where those wait who end accounts; nil: they are not looked at.
	Temporal client.Client

	mu   sync.Mutex
	seen map[string]map[string]string // What addresses of instances are called, by their names.
}

// Facts lists what the systems hold of one server, one line for each thing, sorted. What differs from server to server
// or from run to run (names, addresses, ids) is replaced, so that the facts of two servers can be compared.
func (j *Judge) Facts(ctx context.Context, name, address string) ([]string, error) {
	var facts []string
	owner := "server/" + name
	for _, look := range []func() ([]string, error){
		func() ([]string, error) { return j.machines(ctx, name) },
		func() ([]string, error) { return j.rules(ctx, name, address) },
		func() ([]string, error) { return j.members(ctx, name, address) },
		func() ([]string, error) { return j.tickets(owner), nil },
		func() ([]string, error) { return j.records(owner) },
	} {
		found, err := look()
		if err != nil {
			return nil, err
		}
		facts = append(facts, found...)
	}
	for i := range facts {
		facts[i] = plain(facts[i], name, address)
	}
	slices.Sort(facts)
	return facts, nil
}

var (
	ulids  = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)
	uuids  = regexp.MustCompile(`\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b`)
	hexes  = regexp.MustCompile(`\b[0-9a-f]{32,64}\b`)
	packet = regexp.MustCompile(`counter packets \d+ bytes \d+`)
	number = regexp.MustCompile(`\bid \d+\b`) // A server's in the balancer's file.
)

// plain replaces what is a server's or a run's own.
func plain(fact, name, address string) string {
	fact = number.ReplaceAllString(packet.ReplaceAllString(fact, "counter"), "id NUMBER")
	fact = uuids.ReplaceAllString(ulids.ReplaceAllString(fact, "RUN"), "UUID")
	fact = hexes.ReplaceAllString(fact, "HEX")
	return whole(name).ReplaceAllString(whole(address).ReplaceAllString(fact, "ADDRESS"), "NAME")
}

// whole finds a word where it stands by itself.
func whole(word string) *regexp.Regexp {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`)
}

// mentions reports whether a line is about the server.
func mentions(line, name, address string) bool {
	return plain(line, name, address) != plain(line, "\x00", "\x00")
}

// rules reads the edge's rules, those in force and those in its file.
func (j *Judge) rules(ctx context.Context, name, address string) ([]string, error) {
	var facts []string
	for _, source := range []struct{ what, command string }{
		{"rule in force", "nft list ruleset"},
		{"rule in the file", "cat /etc/nftables.d/fermata.nft 2>/dev/null || true"},
	} {
		text, exit := j.Estate.Edge.Exec(ctx, source.command)
		if exit != 0 {
			return nil, fmt.Errorf("asking the edge with %q: exit %d: %s", source.command, exit, text)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if mentions(line, name, address) {
				facts = append(facts, source.what+": "+strings.TrimSpace(line))
			}
		}
	}
	return facts, nil
}

// records reads the files of the record folder.
func (j *Judge) records(owner string) ([]string, error) {
	entries, err := j.Chain()
	if err != nil {
		return nil, err
	}
	var facts []string
	for _, e := range entries {
		if e.Record.Owner == owner {
			facts = append(facts, fmt.Sprintf("record: %s %s, %d left behind", e.Record.Kind, e.Record.Outcome, len(e.Record.LeftBehind)))
		}
	}
	return facts, nil
}

func (j *Judge) path(parts ...string) string {
	return filepath.Join(append([]string{j.Folder}, parts...)...)
}
