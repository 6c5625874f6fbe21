package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/machine"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/network"
)

// servers are the machines behind the cloud's servers. A guest is given what a cloud gives it, on a config drive: cloud-init sets
// up its network, makes the account and the host keys, and tells these on the console.
type servers struct {
	folder  string // A folder in it for each.
	image   string
	network *network.Network
	bridge  network.End
	files   map[string]string // What the cloud's image has besides.

	mu      sync.Mutex
	running map[string]*guests.Guest // By the servers' ids.
}

var _ machine.Guests = (*servers)(nil)

// Boot starts the guest and waits for what its console tells.
func (s *servers) Boot(ctx context.Context, m machine.Machine) ([]string, error) {
	guest := s.guest(m.ID)
	if guest == nil {
		drive, err := configDrive(m, s.bridge)
		if err != nil {
			return nil, err
		}
		maps.Copy(drive, s.files)
		guest, err = guests.Boot(ctx, guests.Options{
			Name: "localhost", Folder: filepath.Join(s.folder, m.ID), Image: s.image, Network: s.network, Bridge: s.bridge,
			MAC: macOf(m), Disks: disksOf(m.Disks), Files: drive, Seeded: true,
		})
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.running[m.ID] = guest
		s.mu.Unlock()
	}
	return hostKeys(ctx, consoleOf(guest))
}

// guest is a running one; nil: it is off, or there is none.
func (s *servers) guest(id string) *guests.Guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[id]
}

// only is the one that runs; nil: none does, or several do.
func (s *servers) only() (guest *guests.Guest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.running) != 1 {
		return nil
	}
	for _, guest = range s.running {
	}
	return guest
}

// Shutdown takes the power away; disks and files stay.
func (s *servers) Shutdown(id string) error {
	guest := s.guest(id)
	if guest == nil {
		return nil
	}
	s.mu.Lock()
	delete(s.running, id)
	s.mu.Unlock()
	return guest.Halt()
}

// Destroy ends the guest and throws its disks away.
func (s *servers) Destroy(id string) error {
	return errors.Join(s.Shutdown(id), os.RemoveAll(filepath.Join(s.folder, id)))
}

// SetDisks plugs in what was attached while the guest runs. What was detached it loses with its power.
func (s *servers) SetDisks(id string, disks []machine.Disk) error {
	if guest := s.guest(id); guest != nil {
		return guest.Plug(context.Background(), disksOf(disks))
	}
	return nil
}

// close ends all guests.
func (s *servers) close(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, guest := range s.running {
		require.NoError(t, guest.Halt())
		show(t, consoleOf(guest))
	}
}

// consoleOf is the file of what a guest said.
func consoleOf(g *guests.Guest) string { return filepath.Join(g.Folder(), "log") }

// disksOf shows volumes as the cloud does.
func disksOf(volumes []machine.Disk) (disks []guests.Disk) {
	for _, v := range volumes {
		disks = append(disks, guests.Disk{UUID: v.ID, Bytes: v.Bytes, Link: v.ByID})
	}
	return disks
}

// macOf is an address as Neutron gives them, which follows from the server's id.
func macOf(m machine.Machine) string {
	return fmt.Sprintf("fa:16:3e:%s:%s:%s", m.ID[:2], m.ID[2:4], m.ID[4:6])
}

// configDrive are the files of a server's config drive, where cloud-init looks for those of a machine without such a drive
// (docs.openstack.org/nova/latest/admin/config-drive.html), and the setting that lets it look there.
func configDrive(m machine.Machine, gateway network.End) (map[string]string, error) {
	type object map[string]any
	files := map[string]string{
		"/etc/cloud/cloud.cfg.d/95-openstack.cfg": "datasource_list: [ConfigDrive, None]\n",
	}
	const drive = "/var/lib/cloud/seed/config_drive/openstack/latest/"
	files[drive+"user_data"] = m.UserData
	for name, content := range map[string]object{
		"meta_data.json": {"uuid": m.ID, "name": m.Name, "hostname": m.Name, "meta": m.Metadata, "launch_index": 0},
		"network_data.json": {
			"links": []object{{"id": "tap0", "type": "ovs", "ethernet_mac_address": macOf(m), "mtu": 1500}},
			"networks": []object{{
				// Nova names the gateway in a route, which cloud-init would set by route(8): the guests' image has only ip(8).
				"id": "network0", "type": "ipv4", "link": "tap0", "ip_address": m.Address.String(), "netmask": "255.255.255.0",
				"gateway": gateway.Addresses[0].Addr().String(),
			}},
			"services": []object{},
		},
	} {
		text, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		files[drive+name] = string(text)
	}
	return files, nil
}

// hostKeys waits until a console tells the host keys.
func hostKeys(ctx context.Context, console string) ([]string, error) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		text, err := os.ReadFile(console)
		if err != nil {
			return nil, err
		}
		_, after, _ := strings.Cut(string(text), "-----BEGIN SSH HOST KEY KEYS-----\n")
		if keys, _, told := strings.Cut(after, "\n-----END SSH HOST KEY KEYS-----"); told {
			return strings.Split(keys, "\n"), nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the host keys on the console: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}
