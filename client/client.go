// Package client is the one way to steer runs from outside a worker: the command line and the gateway both use it.
//
// It signs with the person's own key, and shows what the server says; it adds no authority of its own.
package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"
	"go.temporal.io/api/serviceerror"
	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/temporal"

	"fermata/activities/fault"
	"fermata/encryption"
)

// Options say how to reach Temporal and read what it holds.
type Options struct {
	Cluster    string              // Name of the installation, which decisions are bound to.
	Profile    string              // Of Temporal's own TOML configuration; empty: the default profile.
	ConfigFile string              // That file; empty: where Temporal's own tools look.
	Address    string              // host:port; overrides the profile.
	Namespace  string              // Overrides the profile.
	TLS        *tls.Config         // Overrides the profile; nil: as the profile says.
	Keys       *encryption.Keyring // Payloads and failures; nil: clear text.
	Log        *slog.Logger
}

// Client steers runs. It is safe for concurrent use.
type Client struct {
	temporal  temporal.Client
	cluster   string
	namespace string
	data      converter.DataConverter
	failures  converter.FailureConverter
	lookEvery time.Duration // See await.
}

// Dial connects to Temporal.
func Dial(ctx context.Context, o Options) (*Client, error) {
	options, err := o.temporal()
	if err != nil {
		return nil, err
	}
	t, err := temporal.DialContext(ctx, options)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("connecting to Temporal at %s", options.HostPort))
	}
	c := &Client{
		temporal: t, cluster: o.Cluster, namespace: options.Namespace,
		data: options.DataConverter, failures: options.FailureConverter, lookEvery: lookEvery,
	}
	if c.data == nil {
		c.data, c.failures = plain, sdk.GetDefaultFailureConverter()
	}
	return c, nil
}

// Over reads through a connection that somebody else has, a worker: it lists runs. It decides nothing, as it knows no
// installation, and closing it is the other's.
func Over(t temporal.Client, namespace string) *Client {
	return &Client{temporal: t, namespace: namespace, data: converter.GetDefaultDataConverter(), lookEvery: lookEvery}
}

// temporal merges Temporal's own profile with what overrides it.
func (o Options) temporal() (temporal.Options, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{
		ConfigFilePath: o.ConfigFile, ConfigFileProfile: o.Profile,
	})
	if err != nil {
		return options, fault.Wrap(fault.Invalid, err, "reading Temporal's configuration")
	}
	if o.Address != "" {
		options.HostPort = o.Address
	}
	if o.Namespace != "" {
		options.Namespace = o.Namespace
	}
	if options.Namespace == "" {
		options.Namespace = "default"
	}
	if o.TLS != nil {
		options.ConnectionOptions.TLS = o.TLS
	}
	if o.Log != nil {
		options.Logger = log.NewStructuredLogger(o.Log)
	}
	if o.Keys != nil {
		options.DataConverter = o.Keys.DataConverter()
		options.FailureConverter = o.Keys.FailureConverter()
	}
	return options, nil
}

// TemporalOptions returns the options for those who need Temporal's client itself: workers.
func (o Options) TemporalOptions() (temporal.Options, error) { return o.temporal() }

// Close ends the connection.
func (c *Client) Close() { c.temporal.Close() }

// Temporal returns the client underneath, for tools that read histories.
func (c *Client) Temporal() temporal.Client { return c.temporal }

// Cluster is the installation that this client signs for.
func (c *Client) Cluster() string { return c.cluster }

// NewRun returns the ULID of a new run.
func NewRun() string { return ulid.Make().String() }

// sealedFailure is what Temporal's SDK shows of a failure that could not be opened.
const sealedFailure = "Encoded failure"

// translate turns what Temporal answers into a fault that says what to do.
func translate(err error, doing string) error {
	var notFound *serviceerror.NotFound
	var nowhere *serviceerror.NamespaceNotFound
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	var denied *serviceerror.PermissionDenied
	var away *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var busy *serviceerror.ResourceExhausted
	switch {
	case err == nil:
		return nil
	case errors.As(err, &nowhere):
		return fault.New(fault.Invalid, "%s: Temporal has no namespace %q: name another (spec.temporal.namespace, --namespace), or make it as docs/configuration.md shows", doing, nowhere.Namespace)
	case errors.As(err, &notFound):
		return fault.Wrap(fault.NotFound, err, doing)
	case errors.As(err, &exists):
		return fault.Wrap(fault.Conflict, err, doing)
	case errors.As(err, &denied) && denied.Reason != "":
		return fault.New(fault.Unauthorized, "%s: Temporal refuses: %s", doing, denied.Reason)
	case errors.As(err, &denied):
		return fault.Wrap(fault.Unauthorized, err, doing)
	case errors.As(err, &away), errors.As(err, &late), errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(fault.Unavailable, err, doing)
	case errors.As(err, &busy):
		return fault.Wrap(fault.Throttled, err, doing)
	}
	reason := fault.FromTemporal(err)
	if reason.Text == sealedFailure {
		return fault.New(fault.Invalid, "%s: the answer is an error that none of this machine's keys opens: `fermata keys list` shows them, and the workers have another", doing)
	}
	return fault.New(reason.Kind, "%s: %s", doing, reason.Text)
}

func marshal(document any) (json.RawMessage, error) {
	if raw, ok := document.(json.RawMessage); ok {
		return raw, nil
	}
	b, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("writing the document: %w", err)
	}
	return b, nil
}
