// Package integrations says what an integration is. Each vendor has a folder of its own beside this file and knows
// nothing of the others.
package integrations

import (
	"context"
	"log/slog"

	"fermata/activities/secret"
	"fermata/config"
)

// Environment is what an integration is given beside its own configuration.
type Environment struct {
	Secrets secret.Resolver
	Log     *slog.Logger
}

// System is a configured system. It implements the ports of the capabilities that it serves; the worker finds out which.
type System interface {
	// Endpoint says where the system is, for people: "https://vcenter.example/sdk". No secret.
	Endpoint() string
	// Close ends sessions and connections.
	Close(ctx context.Context) error
}

// Integration opens systems of one type.
type Integration struct {
	// Type is the word in the configuration: "vsphere".
	Type string
	// Serves names the capabilities whose ports its systems implement: a worker that serves none of them does not open
	// them, and so never holds their credentials.
	Serves []string
	// Aids names capabilities that its systems help with without being one of their systems: a way into the machines that
	// connect to databases. A worker that serves one of them opens them, too.
	Aids []string
	// Open reads the vendor's part of the configuration and prepares the system. It does not connect: a system that is
	// down at start does not keep the worker from serving the others. Faults: Invalid for a bad configuration.
	Open func(ctx context.Context, env Environment, sys config.System) (System, error)
}
