package openstack

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	client "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
)

// The microversions, the oldest that say all that the driver needs: with Nova's 2.37 (Newton) a server without networks is
// refused instead of plugged into whatever there is; Cinder's 3.0 has all of volumes.
const (
	novaVersion   = "2.37"
	cinderVersion = "3.0"
)

// patience is how long a rate limit may ask to wait without the attempt being given up; the workflow waits for more.
const patience = 5 * time.Second

// mostRetries is how often one request is sent again for a rate limit.
const mostRetries = 10

// session keeps one token and the services' addresses. A token that is over is renewed by whoever notices.
type session struct {
	config   Config
	keystone *url.URL // Without the version.
	http     *http.Client
	secrets  secret.Resolver

	mu    sync.Mutex
	cloud *services
}

// services are the clients of the cloud's services.
type services struct {
	compute, network, image *gophercloud.ServiceClient
	volume                  *gophercloud.ServiceClient // Nil: the cloud has no Cinder.
	project                 string                     // Id.
}

// connect returns the services, after logging in if need be. Faults: Unauthorized, Unavailable, Throttled, Invalid for a
// catalogue that lacks a service.
func (s *session) connect(ctx context.Context) (*services, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cloud != nil {
		return s.cloud, nil
	}
	provider, err := s.login(ctx)
	if err != nil {
		return nil, err
	}
	provider.ReauthFunc = func(ctx context.Context) error {
		fresh, err := s.login(ctx)
		if err == nil {
			provider.CopyTokenFrom(fresh)
		}
		return err
	}
	found, err := s.services(provider)
	if err != nil {
		return nil, err
	}
	s.cloud = found
	return found, nil
}

// login makes a client with a fresh token. The secret is resolved each time, so that one that was changed is taken.
func (s *session) login(ctx context.Context) (*gophercloud.ProviderClient, error) {
	doing := "logging in to OpenStack at " + s.keystone.Host
	provider, err := client.NewClient(s.keystone.String() + "/v3")
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, doing)
	}
	provider.HTTPClient = *s.http
	provider.RetryBackoffFunc = backOff
	provider.UserAgent.Prepend("fermata")
	options, err := s.options(ctx)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, doing)
	}
	if err := client.AuthenticateV3(ctx, provider, &options, gophercloud.EndpointOpts{}); err != nil {
		err = translate(err, doing)
		if fault.Is(err, fault.Ambiguous) { // A token that nobody got changes nothing.
			err = fault.New(fault.Unavailable, "%w", err)
		}
		return nil, err
	}
	return provider, nil
}

func (s *session) options(ctx context.Context) (o gophercloud.AuthOptions, err error) {
	c := s.config
	ref := c.Password
	if c.ApplicationCredential != nil {
		ref = c.ApplicationCredential.Secret
	}
	value, err := s.secrets.Resolve(ctx, ref)
	if err != nil {
		return o, err
	}
	if a := c.ApplicationCredential; a != nil {
		return gophercloud.AuthOptions{ApplicationCredentialID: a.ID, ApplicationCredentialSecret: value.Text()}, nil
	}
	return gophercloud.AuthOptions{
		Username: c.Username, Password: value.Text(), DomainName: c.UserDomain,
		Scope: &gophercloud.AuthScope{ProjectName: c.Project, DomainName: c.ProjectDomain},
	}, nil
}

// services finds the services in the catalogue.
func (s *session) services(provider *gophercloud.ProviderClient) (*services, error) {
	result, ok := provider.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return nil, fault.New(fault.Invalid, "logging in to OpenStack: the answer is no token")
	}
	project, err := result.ExtractProject()
	if err != nil || project == nil {
		return nil, fault.New(fault.Invalid, "logging in to OpenStack: the token is for no project")
	}
	where := gophercloud.EndpointOpts{Region: s.config.Region, Availability: gophercloud.Availability(s.config.Interface)}
	found := &services{project: project.ID}
	for _, service := range []struct {
		name string
		into **gophercloud.ServiceClient
		find func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{
		{"compute", &found.compute, client.NewComputeV2},
		{"network", &found.network, client.NewNetworkV2},
		{"image", &found.image, client.NewImageV2},
		{"block-storage", &found.volume, client.NewBlockStorageV3},
	} {
		sc, err := service.find(provider, where)
		if missing(err) && service.name == "block-storage" {
			continue
		}
		if missing(err) {
			return nil, fault.New(fault.Invalid, "the catalogue of %s has no %s service in region %q for the interface %s", s.keystone.Host, service.name, s.config.Region, s.config.Interface)
		}
		if err != nil {
			return nil, translate(err, "asking for the versions of the "+service.name+" service")
		}
		if _, err := checkURL("the catalogue's address of the "+service.name+" service", sc.Endpoint); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "logging in to OpenStack")
		}
		*service.into = sc
	}
	found.compute.Microversion = novaVersion
	if found.volume != nil {
		found.volume.Microversion = cinderVersion
	}
	return found, nil
}

// volumes returns the client of Cinder. Fault: Invalid where there is none.
func (s *services) volumes() (*gophercloud.ServiceClient, error) {
	if s.volume == nil {
		return nil, fault.New(fault.Invalid, "this cloud has no block storage service (Cinder): leave volumes out")
	}
	return s.volume, nil
}

// backOff waits as a rate limit asks, up to patience, and lets the request be sent again: it was not carried out.
func backOff(ctx context.Context, refused *gophercloud.ErrUnexpectedResponseCode, _ error, retries uint) error {
	after := httpx.RetryAfter(refused.ResponseHeader.Get("Retry-After"), time.Now())
	if refused.ResponseHeader.Get("Retry-After") == "" || after > patience || retries > mostRetries {
		return *refused
	}
	select {
	case <-time.After(max(after, time.Millisecond)):
		return nil
	case <-ctx.Done():
		return *refused
	}
}
