// Package spec is the documents that a person writes: what a target should be.
//
// Parse reads one strictly: every problem of a document is reported at once, with file, line and column, so that what
// Parse returns can be acted on without a further look at its form. The package talks to no system. A spec holds no
// secret, only references to secrets.
package spec

import (
	"fermata/spec/document"
)

// The documents that people write.
const (
	// APIVersion is the version of the documents' form.
	APIVersion = "fermata/v1"
	// KindServer is the kind of a Server.
	KindServer = "Server"
	// KindPolicy is the kind of a Policy.
	KindPolicy = "Policy"
	// KindFleet is the kind of a Fleet.
	KindFleet = "Fleet"
)

// Kinds are the kinds of documents.
func Kinds() []string { return []string{KindServer, KindInstance, KindPolicy, KindFleet} }

// Problem is one thing that is wrong with a document, and where.
type Problem = document.Problem

// Problems is everything that is wrong with a document; as an error, one line each: file:line:column: path: text.
type Problems = document.Problems

// Parse reads one Server from data and fills in the defaults that ApplyDefaults lists. The name is that of the file, for
// errors. An error is a Problems.
func Parse(name string, data []byte) (*Server, error) {
	d := document.Read(name, data)
	if err := d.Err(); err != nil {
		return nil, err
	}
	if !d.Header(APIVersion, KindServer) {
		return nil, d.Err()
	}
	server := &Server{}
	d.Decode("", server)
	checker{d}.server(server)
	if err := d.Err(); err != nil {
		return nil, err
	}
	server.ApplyDefaults()
	return server, nil
}

// ParseInstance reads one Instance from data and fills in the defaults that its ApplyDefaults lists. An error is a Problems.
func ParseInstance(name string, data []byte) (*Instance, error) {
	d := document.Read(name, data)
	if err := d.Err(); err != nil {
		return nil, err
	}
	if !d.Header(APIVersion, KindInstance) {
		return nil, d.Err()
	}
	instance := &Instance{}
	d.Decode("", instance)
	checker{d}.instance(instance)
	if err := d.Err(); err != nil {
		return nil, err
	}
	instance.ApplyDefaults()
	return instance, nil
}

// Check reads a document of any kind and says what it describes: "server/web-01", "instance/app-01",
// "policy/plant", "fleet/web". An error is a Problems.
func Check(name string, data []byte) (what string, err error) {
	d := document.Read(name, data)
	if d.Header(APIVersion, Kinds()...); d.Err() != nil {
		return "", d.Err()
	}
	if d.Kind() == KindFleet {
		fleet, err := ParseFleet(name, data)
		if err != nil {
			return "", err
		}
		return fleet.Owner(), nil
	}
	if d.Kind() == KindInstance {
		instance, err := ParseInstance(name, data)
		if err != nil {
			return "", err
		}
		return instance.Owner(), nil
	}
	if d.Kind() == KindPolicy {
		policy, err := ParsePolicy(name, data)
		if err != nil {
			return "", err
		}
		return "policy/" + policy.Metadata.Name, nil
	}
	server, err := Parse(name, data)
	if err != nil {
		return "", err
	}
	return server.Owner(), nil
}

// Owner names on whose behalf the server's objects exist: "server/web-01".
func (s *Server) Owner() string { return "server/" + s.Metadata.Name }

// WorkflowID is the id of the run that works on the server. It is the target's name, so that two runs never work on one
// server.
func (s *Server) WorkflowID() string { return s.Owner() }
