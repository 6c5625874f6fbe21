package judge

import (
	"slices"
	"strings"
)

// Evidence reports whether a fact is one that no undo takes back: tickets with their notes, and records.
func Evidence(fact string) bool { return begins(fact, "ticket ", "note of ticket ", "record: ") }

// parts are the facts of which a line of the ledger may speak, by how the line begins: with a step's title.
func parts(line string) []string {
	machine := []string{"machine ", "disk of ", "network card", "option ", "guest"}
	cloud := []string{"server ", "port ", "volume ", "security group ", "rule of security group ", "public address ", "guest", "end of account "}
	databases := []string{"database ", "table ", "login ", "right: ", "mark of ", "password "}
	for title, facts := range map[string][]string{
		"deploy the machine": machine, "destroy the machine": machine, "shut down and rename": machine,
		"add to the pool": {"member "}, "remove from the pool": {"member "}, "drain": {"member "},
		"open the firewall": {"rule "}, "close the firewall": {"rule "},
		"remove the instance": cloud, "stop the instance": cloud,
		"drop the database": databases, "remove the database logins": databases, "disable the database logins": databases,
		"remove the accounts": {"account "}, "disable the accounts": {"account "},
		"telling how it ended": {"ticket ", "note of ticket "},
	} {
		if strings.HasPrefix(line, title) {
			return facts
		}
	}
	return nil
}

// Except takes out of a verdict what the ledger lists. Idle are the lines that speak of no difference: they would send a
// person to look for what is in order.
func (v Verdict) Except(ledger []string) (rest Verdict, idle []string) {
	differences := slices.Concat(v.Lost, v.Duplicated, v.Unlisted)
	var listed []string
	for _, line := range ledger {
		if !slices.ContainsFunc(differences, func(fact string) bool { return begins(fact, parts(line)...) }) {
			idle = append(idle, line)
		}
		listed = append(listed, parts(line)...)
	}
	without := func(facts []string) []string {
		return slices.DeleteFunc(slices.Clone(facts), func(fact string) bool { return begins(fact, listed...) })
	}
	return Verdict{Lost: without(v.Lost), Duplicated: without(v.Duplicated), Unlisted: without(v.Unlisted)}, idle
}

func begins(fact string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(fact, p) })
}
