package ec2

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"fermata/activities/fault"
	"fermata/integrations/cloudx"
)

// hostKeys waits until the console tells the host keys, or that the first boot is over without telling them.
func (d *Driver) hostKeys(ctx context.Context, id string) (keys []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.config.Boot))
	defer cancel()
	// Instances on Nitro show what is on the console now; others only what EC2 kept of it some minutes after the start.
	in := &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: aws.Bool(true)}
	err = d.wait(ctx, "waiting until the console of instance "+id+" tells host keys or the end of the first boot", func() (bool, error) {
		shown, err := read(ctx, d, "reading the console of instance "+id, d.ec2.GetConsoleOutput, in)
		switch {
		case coded(err, "UnsupportedOperation") && in.Latest != nil:
			in.Latest = nil
			return false, nil
		case err != nil:
			return false, err
		}
		text, err := base64.StdEncoding.DecodeString(aws.ToString(shown.Output))
		if err != nil {
			return false, fault.Wrap(fault.Invalid, err, "reading the console of instance "+id)
		}
		keys = cloudx.HostKeys(string(text))
		return len(keys) > 0 || cloudx.BootDone(string(text)), nil
	})
	if cloudx.TimedOut(err) {
		err = fault.New(fault.Unavailable, "%w: does the image have cloud-init, and does its console go to a serial line? If not, set hostKeys: none", err)
	}
	return keys, err
}
