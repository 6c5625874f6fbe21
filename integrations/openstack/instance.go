package openstack

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// EnsureInstance makes the port, boots a server with it, and waits until the server runs and tells its host keys.
func (d *Driver) EnsureInstance(ctx context.Context, op operation.Op, r cloud.Request, p operation.Progress) (cloud.Instance, error) {
	if err := errors.Join(valid(op), r.Valid(), validTags(r.Tags)); err != nil {
		return cloud.Instance{}, fault.Wrap(fault.Invalid, err, "making instance "+r.Name)
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return cloud.Instance{}, err
	}
	server, err := d.server(ctx, s, op)
	if err == nil && server == nil {
		p.Say("making instance " + r.Name)
		server, err = d.bootServer(ctx, s, op, r)
	}
	if err != nil {
		return cloud.Instance{}, err
	}
	p.Note(server.ID)
	return d.ready(ctx, s, op, server.ID, p)
}

func validTags(tags map[string]string) error {
	for name := range tags {
		if strings.HasPrefix(name, "fermata") {
			return fault.New(fault.Invalid, "tag %q: names that begin with fermata are the driver's own", name)
		}
	}
	return nil
}

// server finds the server that carries the operation's mark; nil: none. Of several, that two attempts made at once, the one that
// has the port stays.
func (d *Driver) server(ctx context.Context, s *services, op operation.Op) (*servers.Server, error) {
	list, err := s.listServers(ctx)
	if err != nil {
		return nil, err
	}
	mine, err := cloudx.Ours(list, serverMark, cloudx.MarkOf(op), func(servers.Server) bool { return true }, "an instance")
	switch {
	case err != nil || len(mine) == 0:
		return nil, err
	case len(mine) == 1:
		return &mine[0], nil
	}
	port, err := s.port(ctx, op)
	if err != nil {
		return nil, err
	}
	if port == nil || port.DeviceID == "" {
		return nil, fault.New(fault.Unavailable, "%d servers carry the key %s, and none has the port yet", len(mine), op.Key)
	}
	holder := cloudx.Find(mine, func(v servers.Server) bool { return v.ID == port.DeviceID })
	if holder == nil {
		return nil, fault.New(fault.Conflict, "%d servers carry the key %s, and another server has their port %s", len(mine), op.Key, port.ID)
	}
	for _, v := range mine {
		if v.ID != holder.ID {
			if err := d.deleteServer(ctx, s, v.ID, v.Name); err != nil {
				return nil, err
			}
		}
	}
	return holder, nil
}

// bootServer asks Nova for the server. Where the port is taken, another attempt has asked before.
func (d *Driver) bootServer(ctx context.Context, s *services, op operation.Op, r cloud.Request) (*servers.Server, error) {
	port, err := s.ensurePort(ctx, op, r)
	if err != nil {
		return nil, err
	}
	options := keypairs.CreateOptsExt{KeyName: r.Placement.KeyPair.Name, CreateOptsBuilder: servers.CreateOpts{
		Name: r.Name, ImageRef: r.Placement.Image.ID, FlavorRef: r.Placement.Flavor.ID, AvailabilityZone: r.Placement.Zone,
		Networks: []servers.Network{{Port: port.ID}}, Metadata: metadata(cloudx.MarkOf(op), r.Tags), ConfigDrive: drive(d.config.ConfigDrive),
		UserData: []byte(base64.StdEncoding.EncodeToString([]byte(r.UserData))),
	}}
	made, err := servers.Create(ctx, s.compute, options, nil).Extract()
	if err = translate(err, "making instance "+r.Name); err == nil {
		return made, nil
	}
	if fault.Is(err, fault.NotFound) && strings.Contains(err.Error(), port.ID) {
		return nil, gone(err)
	}
	if !fault.Is(err, fault.Unavailable) {
		return nil, err
	}
	found, lookErr := d.server(ctx, s, op)
	if lookErr != nil || found == nil {
		return nil, err
	}
	return found, nil
}

func drive(wanted bool) *bool {
	if !wanted {
		return nil
	}
	return &wanted
}

// ready waits until a server runs, has its address, and tells its host keys.
func (d *Driver) ready(ctx context.Context, s *services, op operation.Op, id string, p operation.Progress) (made cloud.Instance, err error) {
	p.Say("waiting until the instance runs")
	err = d.until(ctx, "waiting until instance "+id+" runs", func() (bool, error) {
		if made, err = s.instance(ctx, id); err != nil && !fault.Is(err, fault.NotFound) {
			return false, err
		}
		switch {
		case err != nil, made.State == cloud.Failed: // It may be the copy that another attempt made, or removed.
			other, err := d.otherThan(ctx, s, op, id)
			if err == nil && other != "" {
				id = other
				return false, nil
			}
			return false, d.gaveUp(made, id, err)
		case made.State == cloud.Stopped:
			return false, fault.New(fault.Conflict, "instance %s is stopped: start it, then retry the step", made.Name)
		}
		return made.State == cloud.Running && len(made.Addresses) > 0, nil
	})
	if err != nil || d.config.HostKeys == fromNowhere {
		return made, err
	}
	p.Say("waiting for the host keys")
	made.HostKeys, err = d.hostKeys(ctx, s, id)
	return made, err
}

// otherThan finds the server of the operation if it is not the one with that id; empty: it is, or there is none.
func (d *Driver) otherThan(ctx context.Context, s *services, op operation.Op, id string) (string, error) {
	again, err := d.server(ctx, s, op)
	if err != nil || again == nil || again.ID == id {
		return "", err
	}
	return again.ID, nil
}

func (d *Driver) gaveUp(made cloud.Instance, id string, err error) error {
	switch {
	case err != nil:
		return err
	case made.State == cloud.Failed:
		return fault.New(fault.Invalid, "the cloud gave up on instance %s: %s", made.Name, made.Fault)
	}
	return fault.New(fault.Unavailable, "instance %s is gone: somebody removed it", id)
}

// RemoveInstance removes the server, waits until it is gone, and then removes its port.
func (d *Driver) RemoveInstance(ctx context.Context, op operation.Op, p operation.Progress) error {
	if err := valid(op); err != nil {
		return err
	}
	s, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	list, err := s.listServers(ctx)
	if err != nil {
		return err
	}
	return d.removeServers(ctx, s, cloudx.Carrying(list, serverMark, cloudx.MarkOf(op)), []cloudx.Mark{cloudx.MarkOf(op)}, p)
}

// removeServers removes servers, and the ports that carry the marks.
func (d *Driver) removeServers(ctx context.Context, s *services, list []servers.Server, marks []cloudx.Mark, p operation.Progress) error {
	for _, v := range list {
		p.Say("removing instance " + v.Name)
		if err := d.deleteServer(ctx, s, v.ID, v.Name); err != nil {
			return err
		}
	}
	for _, m := range marks {
		if err := s.removePorts(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// deleteServer removes a server and waits until it is gone.
func (d *Driver) deleteServer(ctx context.Context, s *services, id, name string) error {
	asked := translate(servers.Delete(ctx, s.compute, id).ExtractErr(), "removing instance "+name)
	if err := cloudx.Unless(fault.NotFound, asked); err != nil {
		return err
	}
	return d.until(ctx, "waiting until instance "+name+" is gone", func() (bool, error) {
		_, err := servers.Get(ctx, s.compute, id).Extract()
		err = translate(err, "looking whether instance "+name+" is gone")
		return fault.Is(err, fault.NotFound), cloudx.Unless(fault.NotFound, err)
	})
}
