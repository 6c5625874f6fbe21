// Package access says what the holder of a client certificate may do at the Temporal frontend.
//
// A file grants each certificate one role in one namespace. What is not granted is denied: a certificate that the file does
// not name, a namespace that is not the grant's, a task queue that is not among the grant's, an API that the role has not.
// Temporal itself gets these rules by package access/frontend; this one knows nothing of the server.
package access

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"fermata/spec"
	"fermata/spec/document"
)

// Kind is the kind of the document that grants roles.
const Kind = "Roles"

// Role is what a certificate is for.
type Role string

// The roles.
const (
	Workflows Role = "workflows" // A worker that carries runs: it polls workflow and activity queues.
	Worker    Role = "worker"    // A worker of systems: it polls activity queues, and does nothing else.
	Operator  Role = "operator"  // The command line: starts runs, sends them messages, and reads.
	Reader    Role = "reader"    // Reads.
	UI        Role = "ui"        // Temporal's web UI: reads, and lists namespaces.
	Admin     Role = "admin"     // What an operator may, and all that manages runs, schedules and the namespace. Never polls.
)

// Roles are all of them.
func Roles() []Role { return []Role{Workflows, Worker, Operator, Reader, UI, Admin} }

// Everywhere as a grant's namespace means all of them and the cluster itself. Only an admin may have it.
const Everywhere = "*"

// Grant gives one certificate one role. Exactly one of URI and CommonName names the certificate.
type Grant struct {
	URI        string `yaml:"uri,omitempty"`        // A URI of the certificate's subject alternative names: spiffe://example/worker.
	CommonName string `yaml:"commonName,omitempty"` // CN of the certificate's subject, for authorities that write no URI.
	Role       Role   `yaml:"role"`
	Namespace  string `yaml:"namespace"`
	// Queues are the task queues that a worker may poll, and that an operator may start workflows on; a * stands for any
	// text: fermata.*.berlin. A worker must have some; an operator without any may name every queue.
	Queues []string `yaml:"queues,omitempty"`
}

// Name is what the certificate is called by: its URI or common name.
func (g Grant) Name() string {
	if g.URI != "" {
		return g.URI
	}
	return g.CommonName
}

// Grants is the content of a file of roles.
type Grants []Grant

// Load reads a file of roles. What is wrong with it is a spec.Problems.
func Load(name string) (Grants, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the roles: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, document.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the roles: %w", err)
	}
	return parse(name, data)
}

func parse(name string, data []byte) (Grants, error) {
	d := document.Read(name, data)
	if d.Err() != nil || !d.Header(spec.APIVersion, Kind) {
		return nil, d.Err()
	}
	var read struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Spec       struct {
			Grants Grants `yaml:"grants"`
		} `yaml:"spec"`
	}
	d.Decode("", &read)
	names := map[string]string{}
	for i, g := range read.Spec.Grants {
		check(d, fmt.Sprintf("spec.grants[%d]", i), g, names)
	}
	return read.Spec.Grants, d.Err()
}

func check(d *document.Document, at string, g Grant, names map[string]string) {
	switch key := g.key(); {
	case (g.URI == "") == (g.CommonName == ""):
		d.Add(at, "expected one of uri and commonName, which say whose certificate it is")
	case g.URI != "" && !strings.Contains(g.URI, "://"):
		d.Add(at+".uri", "expected a URI such as spiffe://example/worker, found %q", g.URI)
	case names[key] != "":
		d.Add(at, "expected a certificate of its own, found %q, which %s has too", g.Name(), names[key])
	default:
		names[key] = at
	}
	if d.Sound(at+".role") && !slices.Contains(Roles(), g.Role) {
		d.Add(at+".role", "%s", document.OneOf(string(g.Role), texts(Roles())...))
	}
	if d.Sound(at+".namespace") && (g.Namespace == "" || g.Namespace == Everywhere && g.Role != Admin) {
		d.Add(at+".namespace", "expected the name of a namespace (an admin may have %q), found %q", Everywhere, g.Namespace)
	}
	if (g.Role == Worker || g.Role == Workflows) && len(g.Queues) == 0 {
		d.Add(at+".queues", "expected the task queues that the worker may poll, found none")
	}
	for i, queue := range g.Queues {
		if _, err := path.Match(queue, ""); err != nil || strings.TrimSpace(queue) == "" || strings.HasPrefix(queue, "/") {
			d.Add(fmt.Sprintf("%s.queues[%d]", at, i), "expected the name of a task queue such as fermata.compute, found %q", queue)
		}
	}
}

func (g Grant) key() string { return g.URI + "\x00" + g.CommonName }

func texts(roles []Role) []string {
	var all []string
	for _, r := range roles {
		all = append(all, string(r))
	}
	return all
}

// Of returns what is granted to a certificate, which TLS has verified. A certificate that answers to two grants has none: it
// is not clear which one was meant.
func (all Grants) Of(c *x509.Certificate) (Grant, error) {
	var found []Grant
	for _, g := range all {
		if g.names(c) {
			found = append(found, g)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Grant{}, fmt.Errorf("no role is granted to the certificate of %q (URIs %q)", c.Subject.CommonName, c.URIs)
	}
	return Grant{}, fmt.Errorf("the certificate of %q answers to %q and %q: it can have one role", c.Subject.CommonName, found[0].Name(), found[1].Name())
}

func (g Grant) names(c *x509.Certificate) bool {
	if g.URI == "" {
		return c.Subject.CommonName == g.CommonName
	}
	for _, uri := range c.URIs {
		if uri.String() == g.URI {
			return true
		}
	}
	return false
}
