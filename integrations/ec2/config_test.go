package ec2_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/secret"
	"fermata/integrations"
	"fermata/integrations/ec2"
	"fermata/spec"
)

func TestBadConfigurationsAreInvalid(t *testing.T) {
	t.Parallel()
	good := start(t, nil).config()
	require.Empty(t, refusedBy(good))
	for words, spoil := range map[string]func(*ec2.Config){
		"region":                         func(c *ec2.Config) { c.Region = "eu-central-1.example.org/" },
		"accessKeyID":                    func(c *ec2.Config) { c.AccessKeyID = "akia" },
		"secretAccessKey":                func(c *ec2.Config) { c.SecretAccessKey = secretKey },
		"vpc":                            func(c *ec2.Config) { c.VPC = "main" },
		"imageOwners: expected at least": func(c *ec2.Config) { c.ImageOwners = nil },
		"imageOwners: expected account":  func(c *ec2.Config) { c.ImageOwners = []string{"debian"} },
		"access.from":                    func(c *ec2.Config) { c.Access.From = []string{"10.0.0.1"} },
		"access.port":                    func(c *ec2.Config) { c.Access.Port = 0 },
		"hostKeys":                       func(c *ec2.Config) { c.HostKeys = "yes" },
		"settle":                         func(c *ec2.Config) { c.Settle = 0 },
		"endpoint: expected https":       func(c *ec2.Config) { c.Endpoint = "http://ec2.example.org" },
		"quotasEndpoint: expected no":    func(c *ec2.Config) { c.QuotasEndpoint = "https://user:secret@quotas.example.org" },
	} {
		bad := good
		spoil(&bad)
		text := refusedBy(bad)
		require.Contains(t, text, words)
		require.NotContains(t, text, secretKey)
	}
}

func refusedBy(c ec2.Config) string {
	_, err := ec2.New(c, secrets{}, nil)
	if err == nil {
		return ""
	}
	return string(fault.KindOf(err)) + ": " + err.Error()
}

func TestPorts(t *testing.T) {
	t.Parallel()
	c := ec2.DefaultConfig()
	c.Region, c.AccessKeyID, c.SecretAccessKey, c.VPC = "eu-central-1", keyID, "secret://test/key", "vpc-0123456789abcdef0"
	d := open(t, c)
	require.Equal(t, "https://ec2.eu-central-1.amazonaws.com", d.Endpoint())
	_, isCloud := integrations.Port[cloud.Cloud](d)
	_, isFirewall := integrations.Port[firewall.Firewall](d)
	require.True(t, isCloud && isFirewall)
}

// missing has no secrets.
type missing struct{}

func (missing) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.Value{}, fault.New(fault.NotFound, "there is no such secret")
}

func TestASecretThatIsMissing(t *testing.T) {
	t.Parallel()
	d, err := ec2.New(start(t, nil).config(), missing{}, nil)
	require.NoError(t, err, "it is resolved at its use")
	require.Equal(t, fault.NotFound, fault.KindOf(d.Check(t.Context())))
}

// TestTheConsoleSaysNothing: an attempt ends by itself, and says what to do.
func TestTheConsoleSaysNothing(t *testing.T) {
	t.Parallel()
	b := startSilent(t)
	c := b.config()
	c.Boot = spec.Duration(50 * time.Millisecond)
	_, err := provisionOnce(t, open(t, c))
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "hostKeys: none")
	c.HostKeys = "none"
	made, err := provisionOnce(t, open(t, c))
	require.NoError(t, err)
	require.Empty(t, made.HostKeys)
}
