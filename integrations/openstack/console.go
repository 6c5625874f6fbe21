package openstack

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
)

// The lines between which cloud-init's module keys_to_console writes public host keys.
const (
	keysBegin = "-----BEGIN SSH HOST KEY KEYS-----"
	keysEnd   = "-----END SSH HOST KEY KEYS-----"
)

var (
	// bootDone is the last line of cloud-init's first boot.
	bootDone = regexp.MustCompile(`Cloud-init v\. \S+ finished`)
	// keyWord begins a public key, wherever it stands in a line: the console may put a time or a unit's name before it.
	keyWord = regexp.MustCompile(`(ssh-|ecdsa-sha2-|sk-)\S+ [A-Za-z0-9+/=]+`)
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
		keys = readKeys(text)
		return len(keys) > 0 || bootDone.MatchString(text), nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = fault.New(fault.Unavailable, "%w: does the image have cloud-init, and does its console go to a serial line? If not, set hostKeys: none", err)
	}
	return keys, err
}

// readKeys reads the last whole block of host keys, in the form of authorized_keys.
func readKeys(console string) (keys []string) {
	end := strings.LastIndex(console, keysEnd)
	if end < 0 {
		return nil
	}
	begin := strings.LastIndex(console[:end], keysBegin)
	if begin < 0 {
		return nil
	}
	for _, line := range strings.Split(console[begin:end], "\n") {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(keyWord.FindString(line)))
		if err == nil {
			keys = append(keys, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
		}
	}
	return keys
}
