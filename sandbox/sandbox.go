// Package sandbox is Fermata on a laptop: Temporal on SQLite with its web UI, a worker, and an estate of emulated systems,
// in one process and on loopback only.
//
// The drivers are the real ones; what they talk to speaks the vendors' protocols. All state lies in one folder and is
// found again after a crash. Nothing here is for production: the two people it invents can approve for themselves.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/encryption"
	"fermata/sandbox/certificates"
	"fermata/sandbox/embedded"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
	"fermata/worker"
)

// Retention is how long Temporal keeps closed histories. Records outlive them.
const Retention = 30 * 24 * time.Hour

// Namespace is Temporal's namespace in the sandbox.
const Namespace = "fermata"

// Options describe a sandbox.
type Options struct {
	Folder        string // All of its state.
	Temporal      string // host:port of an embedded Temporal that another process runs on this folder; empty: start one.
	TemporalPort  int    // On 127.0.0.1; 0: any free one. So are the other ports.
	UIPort        int
	VCenterPort   int
	BastionPort   int
	TicketsPort   int
	ServicePort   int
	MailPort      int
	HooksPort     int
	Faults        map[string]*faults.Faults // By the names in estate.Systems.
	WithoutWorker bool                      // Somebody else runs fermata-worker.
	WithoutUI     bool
	Policy        string // Text of the policy file, unless the folder has one; empty: none.
	WorkerOptions []worker.Option
	Log           *slog.Logger
}

// Sandbox is a running sandbox.
type Sandbox struct {
	o      Options
	People People
	// Config is the path of the installation's description, for fermata --config. WorkerConfig is the same with the
	// certificate of a worker, for fermata-worker --config.
	Config, WorkerConfig string
	Estate               *estate.Estate
	ui                   *embedded.UI
	worker               *worker.Worker
	closers              []func() error

	temporal     string // Frontend's host:port.
	clearText    string // Page that lets a browser see payloads, with its token.
	certificates certificates.Files
}

// Start starts everything, or nothing.
func Start(ctx context.Context, o Options) (s *Sandbox, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s = &Sandbox{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	secrets, err := prepare(o.Folder)
	if err != nil {
		return s, err
	}
	s.People = secrets.people
	for _, start := range []func(context.Context, *secretFiles) error{
		s.lock, s.checkPorts, s.startTemporal, s.startEstate, s.govern, s.describe, s.startUI, s.startWorker,
	} {
		if err := start(ctx, secrets); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Close stops workers, UI, estate and Temporal, in this order.
func (s *Sandbox) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *Sandbox) onClose(f func() error) { s.closers = append(s.closers, f) }

func (s *Sandbox) folder(name string) string { return filepath.Join(s.o.Folder, name) }

func (s *Sandbox) startTemporal(_ context.Context, _ *secretFiles) (err error) {
	folder := s.folder("temporal")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", folder, err)
	}
	if s.certificates, err = embedded.Certificates(folder, Namespace); err != nil {
		return err
	}
	if s.o.Temporal != "" {
		s.temporal = s.o.Temporal
		return nil
	}
	server, err := embedded.Start(embedded.Options{Folder: folder, Port: s.o.TemporalPort, Namespace: Namespace, Retention: Retention})
	if err != nil {
		return err
	}
	s.temporal = server.Address()
	s.onClose(server.Stop)
	return nil
}

func (s *Sandbox) startEstate(ctx context.Context, secrets *secretFiles) (err error) {
	s.Estate, err = estate.Start(ctx, estate.Options{
		Folder: s.folder("estate"), VCenterPort: s.o.VCenterPort, BastionPort: s.o.BastionPort, TicketsPort: s.o.TicketsPort,
		ServicePort: s.o.ServicePort, MailPort: s.o.MailPort, HooksPort: s.o.HooksPort, VCenterPassword: secrets.vcenterPassword, TicketsToken: secrets.ticketsToken,
		MailPassword: secrets.mailPassword, Mailboxes: Mailboxes(), HooksSecret: secrets.hooksSecret, NamesKey: secrets.namesKey,
		CloudPassword: secrets.cloudPassword, StaffPassword: secrets.staffPassword, DatabasePassword: secrets.databasePassword,
		WorkerKey: secrets.workerKey, Faults: s.o.Faults, Log: s.o.Log,
	})
	if err != nil {
		return err
	}
	s.onClose(s.Estate.Close)
	return nil
}

// startUI starts the web UI, and beside it the endpoint that opens payloads for it alone.
func (s *Sandbox) startUI(ctx context.Context, _ *secretFiles) (err error) {
	if s.o.WithoutUI {
		return nil
	}
	cfg, err := config.Load(s.Config)
	if err != nil {
		return err
	}
	options, err := client.FromConfig(ctx, cfg, providers.Keys, nil)
	if err != nil {
		return err
	}
	s.ui, err = embedded.StartUI(ctx, embedded.UIOptions{
		Port: s.o.UIPort, Temporal: s.temporal, TLS: s.certificates.UI, Namespace: Namespace,
		Listen: func(origin string) (string, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return "", fmt.Errorf("opening the codec endpoint: %w", err)
			}
			base := "http://" + l.Addr().String() + encryption.EndpointPath
			if err := s.serveCodec(l, options.Keys, origin, base); err != nil {
				return "", errors.Join(err, l.Close())
			}
			return base, nil
		},
	})
	if err != nil {
		return err
	}
	s.onClose(func() error { s.ui.Stop(); return nil })
	return nil
}

// serveCodec serves the endpoint for who opens its page by the address that only this start has.
func (s *Sandbox) serveCodec(l net.Listener, keys *encryption.Keyring, origin, base string) error {
	token, err := randomText()
	if err != nil {
		return fmt.Errorf("making a token for the codec endpoint: %w", err)
	}
	handler, err := encryption.Endpoint{
		Keys: keys, Token: token, Origins: []string{origin}, Home: origin + runsPage, Link: true,
	}.Handler()
	if err != nil {
		return err
	}
	s.clearText = base + "/enter?token=" + token
	server := encryption.Server(handler)
	go func() { _ = server.Serve(l) }()
	s.onClose(server.Close)
	return nil
}

func (s *Sandbox) startWorker(ctx context.Context, _ *secretFiles) error {
	if s.o.WithoutWorker {
		return nil
	}
	cfg, err := config.Load(s.WorkerConfig)
	if err != nil {
		return err
	}
	if s.worker, err = worker.New(worker.Config{Installation: cfg, Log: s.o.Log}, s.o.WorkerOptions...); err != nil {
		return err
	}
	if err := s.worker.Start(ctx); err != nil {
		return err
	}
	s.onClose(s.StopWorker)
	return nil
}

// StopWorker stops the worker and leaves the rest; StartWorker starts one again.
func (s *Sandbox) StopWorker() error {
	w := s.worker
	if s.worker = nil; w == nil {
		return nil
	}
	return w.Stop()
}

// StartWorker starts a worker where StopWorker stopped it.
func (s *Sandbox) StartWorker(ctx context.Context) error { return s.startWorker(ctx, nil) }

// Describe tells a person what runs where.
func (s *Sandbox) Describe(w io.Writer) {
	line := func(what, where string) { fmt.Fprintf(w, "  %-16s %s\n", what, where) }
	line("state", s.o.Folder)
	line("configuration", s.Config)
	line("Temporal", s.temporal+", namespace "+Namespace)
	if s.ui != nil {
		line("web UI", s.uiAddress())
		line("", "to see payloads in it, begin once at "+s.clearText)
	}
	line("vCenter", s.Estate.VCenter.URL()+" (user "+estate.VCenterUser+")")
	line("tickets", s.Estate.Tickets.URL())
	line("mail", s.Estate.Mail.Folder()+" (what was mailed, to "+strings.Join(Mailboxes(), ", ")+")")
	line("webhooks", s.Estate.Hooks.Folder()+" (what was posted)")
	line("DNS", s.Estate.Names.Nameserver()+" (zones "+estate.Zone+" and "+estate.ReverseZone+")")
	line("cloud", s.Estate.Cloud.URL()+" (OpenStack; user "+estate.CloudUser+", project "+estate.CloudProject+")")
	line("directory", s.Estate.Staff.URL()+" (administrator "+estate.StaffAdmin+")")
	line("database", s.Estate.Database.Address()+" (MySQL-compatible; in the estate "+estate.DatabaseEndpoint()+")")
	line("bastion", s.Estate.Bastion.Addr()+" (ssh, to edge-01, lb-01 and the guests)")
	line("service", s.Estate.ServiceURL()+" (the load balancer's frontend)")
	if s.worker == nil {
		line("worker", "none: start fermata-worker --config "+s.WorkerConfig)
		return
	}
	for _, q := range s.worker.Queues() {
		line("queue", q)
	}
}

// Activities names the activity types that the worker serves, by task queue; nil without a worker.
func (s *Sandbox) Activities() map[string][]string {
	if s.worker == nil {
		return nil
	}
	return s.worker.Activities()
}

// uiAddress is the page with the list of runs.
func (s *Sandbox) uiAddress() string { return s.ui.URL() + runsPage }

const runsPage = "/namespaces/" + Namespace + "/workflows"

// ClearTextURL is the page that a browser opens once to see payloads in Temporal's UI; empty without one. Whoever has the
// address can open all payloads, until the sandbox ends.
func (s *Sandbox) ClearTextURL() string { return s.clearText }

// UIURL is where a browser finds Temporal's UI; empty without one.
func (s *Sandbox) UIURL() string {
	if s.ui == nil {
		return ""
	}
	return s.ui.URL()
}
