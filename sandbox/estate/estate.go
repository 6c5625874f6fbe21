// Package estate is the sandbox's machine room: a vCenter and a cloud with their guests, an edge firewall, a load balancer, a ticket
// system, a mail server, a receiver of webhooks, a DNS server, a directory, a database server and a bastion, all in this process, all
// speaking their vendors' real protocols.
//
// The servers' network hangs behind the emulated edge: a packet passes only if the edge's rules let it. State lives in a
// folder and is found again after a SIGKILL, as real systems would be.
package estate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"fermata/sandbox/estate/bastion"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/guest"
	"fermata/sandbox/estate/hooks"
	"fermata/sandbox/estate/ldap"
	"fermata/sandbox/estate/mail"
	"fermata/sandbox/estate/mysql"
	"fermata/sandbox/estate/network"
	"fermata/sandbox/estate/nft"
	"fermata/sandbox/estate/openstack"
	"fermata/sandbox/estate/powerdns"
	"fermata/sandbox/estate/requesttracker"
	"fermata/sandbox/estate/vcenter"
)

// Addresses and names in the estate's network.
const (
	EdgeAddress     = "10.10.0.1"
	BalancerAddress = "10.10.0.5"
	BalancerSocket  = "10.10.0.5:9999"
	ServiceName     = "www.estate.test"
	Backend         = "web"
	Queue           = "Changes"
)

// Names of systems, as in the configuration and in Options.Faults.
const (
	VCenter  = "vcenter"
	Guests   = "guests"
	Edge     = "edge"
	Balancer = "balancer"
	Tickets  = "tickets"
	Bastion  = "bastion"
	Mail     = "mail"
	Hooks    = "hooks"
	Names    = "names"
	Cloud    = "cloud"
	Staff    = "staff"    // The directory.
	Database = "database" // Does not misbehave by itself: it is a real one.
)

// Systems are the names that can be made to misbehave.
func Systems() []string {
	return []string{VCenter, Guests, Edge, Balancer, Tickets, Bastion, Mail, Hooks, Names, Cloud, Staff}
}

// Options describe an estate.
type Options struct {
	Folder           string
	VCenterPort      int // On 127.0.0.1; 0: any free one. So are the other ports.
	BastionPort      int
	TicketsPort      int
	ServicePort      int    // Where the load balancer's frontend is reached from this machine.
	VCenterPassword  string // Of VCenterUser.
	TicketsToken     string
	MailPort         int
	MailPassword     string   // Of MailUser; empty: there is no mail server.
	Mailboxes        []string // Addresses that take mail.
	HooksPort        int
	HooksSecret      string // Of the webhooks; empty: nobody receives them.
	NamesKey         string // Of PowerDNS's API; empty: there is no DNS server.
	CloudPassword    string // Of CloudUser; empty: there is no cloud.
	StaffPassword    string // Of the directory's StaffAdmin; empty: there is no directory.
	DatabasePassword string // Of DatabaseUser; empty: there is no database server.
	WorkerKey        string // Public key that hosts and templates accept, authorized_keys form.
	Faults           map[string]*faults.Faults
	Log              *slog.Logger
}

// VCenterUser is who logs in to the vCenter.
const VCenterUser = "fermata@vsphere.local"

// HostUser is the account on the edge, the balancer and in templates.
const HostUser = "deploy"

// Estate is the running estate.
type Estate struct {
	o         Options
	Network   *network.Network
	Bastion   *bastion.Bastion
	VCenter   *vcenter.VCenter
	Tickets   *requesttracker.Server
	Mail      *mail.Server      // Nil without a password.
	Hooks     *hooks.Server     // Nil without a secret.
	Names     *powerdns.Server  // Nil without a key.
	Cloud     *openstack.Server // Nil without a password. So are the next two.
	Staff     *ldap.Server
	Database  *mysql.Server
	Instances *Instances // Behind the cloud.
	Edge      *guest.Machine
	Balancer  *guest.Machine
	Rules     *nft.Ruleset
	guests    *guests
	front     net.Listener // The service, as this machine's user reaches it.
	closers   []func() error
}

// Start starts every system. What an earlier process left in the folder is found again.
func Start(ctx context.Context, o Options) (e *Estate, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e = &Estate{o: o, Network: network.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	e.Network.SetName(ServiceName, netip.MustParseAddr(BalancerAddress))
	e.Network.SetDropWait(3 * time.Second)
	for _, start := range []struct {
		name string
		do   func(context.Context) error
	}{
		{Edge, e.startEdge},
		{Balancer, e.startBalancer},
		{Bastion, e.startBastion},
		{VCenter, e.startVCenter},
		{Tickets, e.startTickets},
		{Mail, e.startMail},
		{Hooks, e.startHooks},
		{Names, e.startNames},
		{Cloud, e.startCloud},
		{Staff, e.startStaff},
		{Database, e.startDatabase},
	} {
		if err := start.do(ctx); err != nil {
			return e, fmt.Errorf("starting the sandbox's %s: %w", start.name, err)
		}
	}
	return e, nil
}

// Close stops every system, the last started first.
func (e *Estate) Close() error {
	var errs []error
	for i := len(e.closers) - 1; i >= 0; i-- {
		errs = append(errs, e.closers[i]())
	}
	e.closers = nil
	return errors.Join(errs...)
}

func (e *Estate) onClose(f func() error) { e.closers = append(e.closers, f) }

// folder makes a system's own folder.
func (e *Estate) folder(name string) (string, error) {
	path := filepath.Join(e.o.Folder, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("making %s: %w", path, err)
	}
	return path, nil
}

func (e *Estate) listen(port int) string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(port)) }

func (e *Estate) startBastion(context.Context) error {
	folder, err := e.folder(Bastion)
	if err != nil {
		return err
	}
	e.Bastion, err = bastion.Start(bastion.Options{
		Folder: folder, Network: e.Network, Listen: e.listen(e.o.BastionPort), AuthorizedKeys: []string{e.o.WorkerKey}, Log: e.o.Log,
	})
	if err != nil {
		return err
	}
	e.Network.SetFaults(bastion.Address, e.o.Faults[Bastion])
	e.onClose(e.Bastion.Close)
	return nil
}

func (e *Estate) startTickets(context.Context) error {
	folder, err := e.folder(Tickets)
	if err != nil {
		return err
	}
	e.Tickets, err = requesttracker.Start(requesttracker.Options{
		Folder: folder, Listen: e.listen(e.o.TicketsPort),
		Users:  []requesttracker.User{{Name: "fermata", Token: e.o.TicketsToken}},
		Queues: []requesttracker.Queue{{Name: Queue}},
		Fields: []requesttracker.Field{{Name: "Fermata Key"}, {Name: "Fermata Owner"}},
		Faults: e.o.Faults[Tickets],
	})
	if err != nil {
		return err
	}
	e.onClose(e.Tickets.Close)
	return nil
}

// ServiceURL is where the service behind the load balancer is reached from this machine.
func (e *Estate) ServiceURL() string { return "http://" + e.front.Addr().String() + "/" }
