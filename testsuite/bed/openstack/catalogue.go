package openstack

import (
	"context"
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	client "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/endpoints"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
)

// Login logs somebody in to a project, and returns a client that uses the services' own addresses.
func (c *Cloud) Login(ctx context.Context, user, password, project string) (*gophercloud.ProviderClient, error) {
	provider, err := client.NewClient(c.URL("keystone") + "/v3")
	if err != nil {
		return nil, err
	}
	return provider, client.AuthenticateV3(ctx, provider, &gophercloud.AuthOptions{
		Username: user, Password: password, DomainName: "Default", AllowReauth: true,
		Scope: &gophercloud.AuthScope{ProjectName: project, DomainName: "Default"},
	}, gophercloud.EndpointOpts{})
}

// Internal names the services' own addresses.
func Internal() gophercloud.EndpointOpts {
	return gophercloud.EndpointOpts{Region: Region, Availability: gophercloud.AvailabilityInternal}
}

// catalogue lists the services. Keystone needs a moment before it answers whom it has just been told of.
func (c *Cloud) catalogue(ctx context.Context, public string) error {
	var provider *gophercloud.ProviderClient
	var err error
	for {
		provider, err = c.Login(ctx, Admin, c.secret, Admin)
		if err == nil {
			break
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("logging in: %w", err)
		}
	}
	identity, err := client.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	if err != nil {
		return err
	}
	for _, s := range []struct{ kind, name, path string }{
		{"placement", "placement", ""}, {"image", "glance", ""}, {"network", "neutron", ""}, {"compute", "nova", "/v2.1"}, {"volumev3", "cinder", "/v3/$(project_id)s"},
	} {
		made, err := services.Create(ctx, identity, services.CreateOpts{Type: s.kind, Extra: map[string]any{"name": s.name}}).Extract()
		if err != nil {
			return fmt.Errorf("listing %s: %w", s.name, err)
		}
		for face, base := range map[gophercloud.Availability]string{gophercloud.AvailabilityPublic: public + "/" + s.name, gophercloud.AvailabilityInternal: c.URL(s.name)} {
			_, err := endpoints.Create(ctx, identity, endpoints.CreateOpts{Availability: face, Name: s.name, Region: Region, URL: base + s.path, ServiceID: made.ID}).Extract()
			if err != nil {
				return fmt.Errorf("listing the address of %s: %w", s.name, err)
			}
		}
	}
	return nil
}

// Project makes a project of that name with one member of the same name, and returns its id.
func (c *Cloud) Project(ctx context.Context, name, password string) (string, error) {
	provider, err := c.Login(ctx, Admin, c.secret, Admin)
	if err != nil {
		return "", err
	}
	identity, err := client.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	if err != nil {
		return "", err
	}
	project, err := projects.Create(ctx, identity, projects.CreateOpts{Name: name, DomainID: "default"}).Extract()
	if err != nil {
		return "", err
	}
	user, err := users.Create(ctx, identity, users.CreateOpts{Name: name, DomainID: "default", Password: password}).Extract()
	if err != nil {
		return "", err
	}
	pages, err := roles.List(identity, roles.ListOpts{Name: "member"}).AllPages(ctx)
	if err != nil {
		return "", err
	}
	found, err := roles.ExtractRoles(pages)
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("finding the role of members: %d of them, %w", len(found), err)
	}
	return project.ID, roles.Assign(ctx, identity, found[0].ID, roles.AssignOpts{ProjectID: project.ID, UserID: user.ID}).ExtractErr()
}
