// Package ec2 makes, stops and removes instances of AWS EC2 with their volumes and Elastic IP addresses, and opens paths through
// their security groups.
//
// Everything carries the operation's key and its owner as tags, set by the call that makes it. Instances and volumes are made
// with a client token derived from the key, so that EC2 makes one however often it is asked; a security group is one of its name
// in a VPC; an instance has one Elastic IP address, which settles which of two that were taken at once stays.
//
// Sources: the EC2 API reference (version 2016-11-15) with its list of error codes, "Ensuring idempotency in Amazon EC2 API
// requests", "Eventual consistency in the Amazon EC2 API" and "Request throttling for the Amazon EC2 API".
package ec2

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/cloudx"
	"fermata/integrations/httpx"
)

// Type is the word in the configuration.
const Type = "ec2"

// Integration opens accounts.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{cloud.Capability, firewall.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of EC2 "+sys.Name)
	}
	c.HTTP.CA = sys.Resolve(c.HTTP.CA)
	return New(c, env.Secrets, env.Log)
}

// Driver works one account in one region. It may be used by many goroutines.
type Driver struct {
	config Config
	http   *http.Client
	ec2    *ec2.Client
	quotas *servicequotas.Client // Nil: quotas are not asked for.
	log    *slog.Logger
}

var (
	_ cloud.Cloud          = (*Driver)(nil)
	_ integrations.System  = (*Driver)(nil)
	_ integrations.Several = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver, log *slog.Logger) (*Driver, error) {
	if err := c.check(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of EC2")
	}
	connection, err := httpx.New(c.HTTP)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of EC2")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &Driver{config: c, http: connection, log: log}
	credentials := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		value, err := secrets.Resolve(ctx, c.SecretAccessKey)
		return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: value.Text()}, err
	})
	d.ec2 = ec2.New(ec2.Options{
		Region: c.Region, Credentials: credentials, HTTPClient: connection, Retryer: aws.NopRetryer{}, AppID: "fermata", BaseEndpoint: given(c.Endpoint),
	})
	if c.QuotasEndpoint != noQuotas {
		d.quotas = servicequotas.New(servicequotas.Options{
			Region: c.Region, Credentials: credentials, HTTPClient: connection, Retryer: aws.NopRetryer{}, AppID: "fermata", BaseEndpoint: given(c.QuotasEndpoint),
		})
	}
	return d, nil
}

// given is a pointer to a text, or nil where there is none.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Endpoint is the address of EC2.
func (d *Driver) Endpoint() string {
	if d.config.Endpoint != "" {
		return d.config.Endpoint
	}
	return "https://ec2." + d.config.Region + ".amazonaws.com"
}

// Close ends idle connections.
func (d *Driver) Close(context.Context) error {
	d.http.CloseIdleConnections()
	return nil
}

// Ports are the driver itself, a cloud, and its security groups, a firewall.
func (d *Driver) Ports() []any { return []any{d, d.Firewall()} }

// Firewall returns the driver's security groups.
func (d *Driver) Firewall() cloudx.Firewall { return cloudx.Firewall{Groups: groups{d}} }

// Check looks for the VPC.
func (d *Driver) Check(ctx context.Context) error {
	_, err := read(ctx, d, "looking for VPC "+d.config.VPC, d.ec2.DescribeVpcs, &ec2.DescribeVpcsInput{VpcIds: []string{d.config.VPC}})
	return err
}
