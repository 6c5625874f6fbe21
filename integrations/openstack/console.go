package openstack

import (
	"context"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"fermata/activities/fault"
	"fermata/integrations/cloudx"
)

// hostKeys waits until the console tells the host keys, or that the first boot is over without telling them.
func (d *Driver) hostKeys(ctx context.Context, s *services, id string) (keys []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.config.Boot))
	defer cancel()
	doing := "waiting until the console of instance " + id + " tells host keys or the end of the first boot"
	err = d.until(ctx, doing, func() (bool, error) {
		text, err := servers.ShowConsoleOutput(ctx, s.compute, id, servers.ShowConsoleOutputOpts{}).Extract()
		switch err = translate(err, "reading the console of instance "+id); {
		case fault.Is(err, fault.Unavailable) && ctx.Err() == nil: // It is not ready.
			return false, nil
		case err != nil:
			return false, err
		}
		keys = cloudx.HostKeys(text)
		return len(keys) > 0 || cloudx.BootDone(text), nil
	})
	if cloudx.TimedOut(err) {
		err = fault.New(fault.Unavailable, "%w: does the image have cloud-init, and does its console go to a serial line? If not, set hostKeys: none", err)
	}
	return keys, err
}
