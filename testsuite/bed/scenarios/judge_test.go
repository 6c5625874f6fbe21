package scenarios

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"

	"fermata/integrations/haproxy"
	"fermata/integrations/nftables"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/requesttracker"
)

// The judge looks in ways of its own: nft's JSON, HAProxy's socket, property reads, Request Tracker's database, files. It
// shares no code with the drivers.

// holdings are what the systems have, one line for each thing.
type holdings struct {
	Rules    []string // In the kernel.
	Saved    []string // In the edge's file.
	Members  []string // In HAProxy: "name address state admin".
	Listed   []string // In HAProxy's file.
	Machines []string // "name power owner".
	Open     []string // Tickets that wait for somebody.
}

func (e *estate) holdings(t *testing.T) holdings {
	t.Helper()
	h := holdings{Rules: e.rules(t), Members: e.members(t), Machines: e.inventory(t)}
	h.Saved = linesOf(t, e.edge, nftables.DefaultFile, "accept")
	h.Listed = linesOf(t, e.balancer, haproxy.DefaultFile, "10.20.0.")
	for _, ticket := range e.tickets(t) {
		if ticket.Status != "resolved" && ticket.Status != "rejected" {
			h.Open = append(h.Open, fmt.Sprintf("%d %s %s", ticket.ID, ticket.Status, ticket.Subject))
		}
	}
	return h
}

// of counts the things of a server in each system.
func (h holdings) of(name, address string) map[string]int {
	counts := map[string]int{}
	for what, lines := range map[string][]string{
		"rules": h.Rules, "saved rules": h.Saved, "members": h.Members, "listed members": h.Listed,
	} {
		for _, line := range lines {
			if slices.ContainsFunc(strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\"/:,", r) }), func(s string) bool { return s == address }) {
				counts[what]++
			}
		}
	}
	for _, line := range h.Machines {
		if line == name+" poweredOn server/"+name {
			counts["machines"]++
		}
	}
	return counts
}

// one is what a server that is in service has.
func one() map[string]int {
	return map[string]int{"rules": 1, "saved rules": 1, "members": 1, "listed members": 1, "machines": 1}
}

// rules lists the rules of Fermata's chain.
func (e *estate) rules(t *testing.T) (rules []string) {
	t.Helper()
	out, err := e.edge.Run(t.Context(), "", "nft", "-j", "list", "chain", "inet", "filter", "fermata")
	require.NoError(t, err)
	var answer struct {
		Nftables []struct{ Rule json.RawMessage }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &answer), out)
	for _, object := range answer.Nftables {
		if object.Rule != nil {
			rules = append(rules, string(object.Rule))
		}
	}
	return rules
}

// members reads "show servers state" (management.txt): columns 4 to 7 are name, address, operational and administrative
// state.
func (e *estate) members(t *testing.T) (members []string) {
	t.Helper()
	out, err := e.balancer.Socket(t.Context(), "show servers state "+edge.Backend)
	require.NoError(t, err)
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 7 && fields[0] != "#" {
			members = append(members, strings.Join(fields[3:7], " "))
		}
	}
	return members
}

// fileReader is a machine.
type fileReader interface {
	ReadFile(name string) (string, error)
}

// linesOf returns the lines of a file that hold a text.
func linesOf(t *testing.T, m fileReader, file, text string) (lines []string) {
	t.Helper()
	content, err := m.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(content) {
		if strings.Contains(line, text) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// inventory reads the vCenter's machines, past the cable that the workers have.
func (e *estate) inventory(t *testing.T) (lines []string) {
	t.Helper()
	for _, m := range e.virtualMachines(t, "name", "config", "runtime") {
		if m.Config == nil || m.Config.Template {
			continue
		}
		owner := ""
		for _, option := range m.Config.ExtraConfig {
			if o := option.GetOptionValue(); o.Key == "fermata.owner" {
				owner = fmt.Sprint(o.Value)
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s %s", m.Name, m.Runtime.PowerState, owner))
	}
	slices.Sort(lines)
	return lines
}

// virtualMachines reads properties of all; no name: all properties.
func (e *estate) virtualMachines(t *testing.T, properties ...string) (machines []mo.VirtualMachine) {
	t.Helper()
	target, err := soap.ParseURL(e.vcenter.URL())
	require.NoError(t, err)
	wire := soap.NewClient(target, false)
	require.NoError(t, wire.SetRootCAs(e.vcenter.CAFile()))
	defer wire.CloseIdleConnections()
	client, err := vim25.NewClient(t.Context(), wire)
	require.NoError(t, err)
	sessions := session.NewManager(client)
	require.NoError(t, sessions.Login(t.Context(), url.UserPassword(administrator, e.password)))
	defer func() { require.NoError(t, sessions.Logout(t.Context())) }()
	container, err := view.NewManager(client).CreateContainerView(t.Context(), client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	require.NoError(t, err)
	require.NoError(t, container.Retrieve(t.Context(), []string{"VirtualMachine"}, properties, &machines))
	return machines
}

func (e *estate) tickets(t *testing.T) []requesttracker.Ticket {
	t.Helper()
	tickets, err := e.tracker.Tickets(t.Context())
	require.NoError(t, err)
	return tickets
}

// ticket is the one that tells of a run. A copy that a lost answer made is rejected and says so.
func (e *estate) ticket(t *testing.T, run string) requesttracker.Ticket {
	t.Helper()
	var found []requesttracker.Ticket
	for _, ticket := range e.tickets(t) {
		if strings.Contains(ticket.Fields["Fermata Key"], run) && ticket.Status != "rejected" {
			found = append(found, ticket)
		}
	}
	require.Len(t, found, 1, "tickets of run %s", run)
	return found[0]
}
