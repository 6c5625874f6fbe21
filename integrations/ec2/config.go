package ec2

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"time"

	"fermata/activities/secret"
	"fermata/integrations/cloudx"
	"fermata/integrations/httpx"
	"fermata/spec"
)

// Config is the vendor's part of the configuration of an AWS account's EC2 in one region.
type Config struct {
	Region string `yaml:"region"`
	// AccessKeyID and SecretAccessKey are a user's access key.
	AccessKeyID     string     `yaml:"accessKeyID"`
	SecretAccessKey secret.Ref `yaml:"secretAccessKey"`
	// VPC is the id of the one that security groups are made in and subnets are looked for in.
	VPC string `yaml:"vpc"`
	// ImageOwners are whose images are found by name: account numbers, self, amazon, aws-marketplace. self if absent.
	ImageOwners []string `yaml:"imageOwners,omitempty"`
	// Access opens the worker's own path to every instance: a rule in each security group that is made.
	Access cloudx.Access `yaml:"access,omitempty"`
	// HostKeys says where SSH host keys come from: console (default), as cloud-init's cc_keys_to_console writes them there, or
	// none: the console is not read, and a host CA vouches for instances.
	HostKeys string `yaml:"hostKeys,omitempty"`
	// Endpoint is the address of EC2, where it is not the region's public one: that of an interface endpoint in a VPC.
	Endpoint string `yaml:"endpoint,omitempty"`
	// QuotasEndpoint is the address of Service Quotas, likewise; none: quotas are not asked for.
	QuotasEndpoint string `yaml:"quotasEndpoint,omitempty"`
	// Boot limits how long one attempt waits for the host keys of an instance that runs: 10m if absent.
	Boot spec.Duration `yaml:"boot,omitempty"`
	// Poll is how long to wait between two looks at something that takes time: 5s if absent.
	Poll spec.Duration `yaml:"poll,omitempty"`
	// Settle is how long EC2, which is eventually consistent, may not know what it has just made: 30s if absent.
	Settle spec.Duration `yaml:"settle,omitempty"`
	// HTTP says how the services are reached: ca, pin, proxy, timeout.
	HTTP httpx.Config `yaml:"http,omitempty"`
}

const (
	// Where host keys come from.
	fromConsole = "console"
	fromNowhere = "none"
	// noQuotas is the endpoint of quotas that are not asked for.
	noQuotas = "none"
)

var (
	regionPattern = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-\d{1,2}$`)
	keyIDPattern  = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	vpcPattern    = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	ownerPattern  = regexp.MustCompile(`^(self|amazon|aws-marketplace|\d{12})$`)
)

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config {
	return Config{
		ImageOwners: []string{"self"}, Access: cloudx.Access{Port: spec.DefaultSSHPort}, HostKeys: fromConsole,
		Boot: spec.Duration(10 * time.Minute), Poll: spec.Duration(5 * time.Second), Settle: spec.Duration(30 * time.Second),
	}
}

// check reports what is wrong.
func (c *Config) check() error {
	if _, _, err := c.SecretAccessKey.Parse(); err != nil {
		return errors.New("secretAccessKey: expected a reference secret://provider/name")
	}
	switch {
	case !regionPattern.MatchString(c.Region):
		return fmt.Errorf("region: expected one such as eu-central-1, found %q", c.Region)
	case !keyIDPattern.MatchString(c.AccessKeyID):
		return errors.New("accessKeyID: expected the id of an access key, capital letters and digits")
	case !vpcPattern.MatchString(c.VPC):
		return fmt.Errorf("vpc: expected the id of one, as vpc-0a1b2c3d4e5f67890, found %q", c.VPC)
	case c.HostKeys != fromConsole && c.HostKeys != fromNowhere:
		return fmt.Errorf("hostKeys: expected console or none, found %q", c.HostKeys)
	case c.Boot <= 0 || c.Poll <= 0 || c.Settle <= 0:
		return errors.New("boot, poll and settle: expected lengths of time above zero")
	case len(c.ImageOwners) == 0:
		return errors.New("imageOwners: expected at least one")
	}
	for _, owner := range c.ImageOwners {
		if !ownerPattern.MatchString(owner) {
			return fmt.Errorf("imageOwners: expected account numbers, self, amazon or aws-marketplace, found %q", owner)
		}
	}
	if err := checkURL("endpoint", c.Endpoint); err != nil {
		return err
	}
	if c.QuotasEndpoint != noQuotas {
		if err := checkURL("quotasEndpoint", c.QuotasEndpoint); err != nil {
			return err
		}
	}
	return c.Access.Check()
}

// checkURL wants https wherever a request would cross a network: it is signed, not encrypted.
func checkURL(what, text string) error {
	if text == "" {
		return nil
	}
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http":
		return fmt.Errorf("%s: expected an address such as https://ec2.eu-central-1.amazonaws.com", what)
	case address.User != nil || address.RawQuery != "" || address.Fragment != "":
		return fmt.Errorf("%s: expected no credential, no query and no fragment", what)
	case address.Scheme == "http" && !loopback(address.Hostname()):
		return fmt.Errorf("%s: expected https: user data would cross the network in clear text to %s", what, address.Host)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
