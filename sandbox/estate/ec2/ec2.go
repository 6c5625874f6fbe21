// Package ec2 emulates the part of AWS EC2 that a driver of instances uses: the Query API of one account in one region with one
// VPC, as the AWS SDKs speak it (signed form posts, answers in XML), and Service Quotas' GetServiceQuota on the same server.
//
// It verifies signatures (Signature Version 4) and refuses requests whose clock is off, keeps its state in a folder, remembers
// client tokens, lets instances and volumes come and go by steps, and refuses what EC2 refuses: an unknown parameter or filter, a
// state that forbids it, a group in use, a name taken, a limit reached. Reads may lag behind changes. Security groups filter:
// Allows says whether a packet passes.
//
// Sources: the EC2 API reference (version 2016-11-15) with its error codes, "Ensuring idempotency in Amazon EC2 API requests",
// "Request throttling for the Amazon EC2 API", and "AWS Signature Version 4 for API requests" in the IAM guide. It was never
// compared with the real service: what is assumed stands in the driver's README.
package ec2

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/machine"
	"fermata/sandbox/estate/web"
	"fermata/sandbox/keep"
)

// Options describe an account.
type Options struct {
	// Folder keeps the state and the certificate. It is made if missing.
	Folder string
	// Listen is the address of all services; empty: 127.0.0.1 with a free port.
	Listen string
	// Region that requests must be signed for; empty: eu-central-1.
	Region string
	// Account is its number; empty: 111122223333.
	Account string
	// Users may send requests.
	Users []User
	// What the account has from the start.
	Images   []Image
	Types    []Type
	Subnets  []Subnet
	KeyPairs []KeyPair
	Pools    []Pool
	// Addresses is Amazon's own pool; empty: 198.51.100.0/24.
	Addresses netip.Prefix
	// Quotas by their names: cpus, addresses, groups, volumes, rules (of a group), interface-groups (groups of an interface). The
	// last two are 60 and 5 if they are not named; what else is not named has no limit.
	Quotas map[string]int
	// Guests are the machines behind the instances; nil: an instance has none and makes its console up.
	Guests machine.Guests
	// Lag is how long reads do not show what was just made.
	Lag time.Duration
	// OldHypervisor refuses to show the newest console output, as instances do that are not built on Nitro.
	OldHypervisor bool
	// PageSize is how many objects one answer lists at most, whatever was asked for: 1000 if zero.
	PageSize int
	// Faults make it misbehave; may be nil.
	Faults *faults.Faults
	Log    *slog.Logger
}

// User has an access key.
type User struct {
	AccessKeyID, SecretAccessKey string
	// Denied lists actions that the user's policy does not allow, with * for any letters: *SecurityGroup*.
	Denied []string
}

// Image is what instances boot from.
type Image struct {
	Name         string
	Owner        string // Account; empty: the account's own.
	Architecture string // Empty: x86_64.
	// KeepsRoot: the volume that instances boot from stays when they are terminated.
	KeepsRoot bool
}

// Type is a size of instances. Memory is in MiB.
type Type struct {
	Name         string
	CPUs, Memory int
	Architecture string // Empty: x86_64.
}

// Subnet lies in one zone. The second prefix, if there is one, is IPv6.
type Subnet struct {
	Name, Zone string
	Prefixes   []netip.Prefix
}

// KeyPair is a public key that instances accept.
type KeyPair struct{ Name, PublicKey string }

// Pool are public addresses that the account has brought.
type Pool struct {
	Name   string
	Prefix netip.Prefix
}

// Server is a running account.
type Server struct {
	options Options
	web     *web.Server
	tls     *tls.Config
	trouble trouble
	stop    context.CancelFunc
	ctx     context.Context //nolint:containedctx // Ends what goes on in the background; no request has it.
	tasks   machine.Queue

	mu    sync.Mutex
	state state
}

// Start reads the state and serves until Close. Instances that were on are booted again.
func Start(o Options) (*Server, error) {
	s := &Server{options: o.withDefaults()}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.stop()
		return nil, fmt.Errorf("starting EC2: %w", err)
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Region == "" {
		o.Region = "eu-central-1"
	}
	if o.Account == "" {
		o.Account = "111122223333"
	}
	if !o.Addresses.IsValid() {
		o.Addresses = netip.MustParsePrefix("198.51.100.0/24")
	}
	if o.PageSize == 0 {
		o.PageSize = 1000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (s *Server) start() (err error) {
	if err := s.options.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.options.Folder, 0o700); err != nil {
		return err
	}
	if err := keep.Load(s.file(), &s.state); err != nil {
		return err
	}
	s.furnish()
	if err := s.save(); err != nil {
		return err
	}
	if s.tls, err = certificate.Of(s.options.Folder, "EC2"); err != nil {
		return err
	}
	if s.web, err = web.Listen(s.options.Listen, s.tls); err != nil {
		return err
	}
	s.web.Serve(s.front())
	s.resume()
	return nil
}

func (o Options) check() error {
	if o.Folder == "" || len(o.Users) == 0 || len(o.Subnets) == 0 {
		return errors.New("a folder, a user and a subnet are needed")
	}
	for _, u := range o.Users {
		if len(u.AccessKeyID) < 16 || len(u.SecretAccessKey) < 16 {
			return fmt.Errorf("user %q: an access key of 16 characters and more is needed", u.AccessKeyID)
		}
	}
	for _, n := range o.Subnets {
		if n.Name == "" || n.Zone == "" || len(n.Prefixes) == 0 || !n.Prefixes[0].Addr().Is4() {
			return fmt.Errorf("subnet %q: a name, a zone and an IPv4 prefix are needed", n.Name)
		}
	}
	return nil
}

func (s *Server) file() string { return filepath.Join(s.options.Folder, "ec2.json") }

// save writes the state before a change is answered. It is called with the lock.
func (s *Server) save() error { return keep.Save(s.file(), s.state) }

// URL is the address of EC2 and of Service Quotas.
func (s *Server) URL() string { return s.web.URL() }

// VPC is the id of the account's only one.
func (s *Server) VPC() string { return vpcID }

// CAFile is the certificate that clients trust.
func (s *Server) CAFile() string { return certificate.File(s.options.Folder) }

// Close ends the server. Guests stay as they are: they are somebody else's to stop.
func (s *Server) Close() error {
	s.stop()
	err := s.web.Close()
	s.tasks.Wait()
	return err
}
