package guests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
)

// Options describe one guest.
type Options struct {
	Name    string
	Folder  string // Holds all that outlives a boot.
	Image   string
	Network *network.Network
	Bridge  network.End // Where its adapter is plugged in.
	MAC     string      // Empty: another one at each boot.
	Disks   []Disk
	Files   map[string]string // What the template has besides the image.
	// Metadata and UserData are those of cloud-init's VMware data source, base64. Without metadata the guest has no
	// cloud-init: where there is no systemd, nothing switches it off, and who asks it waits for it for ever.
	Metadata, UserData string
	// Seeded says that Files hold what cloud-init is to do: the seed of another data source.
	Seeded bool
	// Address is the guest's, CIDR, where no cloud-init sets it.
	Address string
	// AuthorizedKeys are let in where no cloud-init makes an account.
	AuthorizedKeys []string
	// Told is called with each "info-set" of vmware-rpctool.
	Told func(key, value string)
}

// Guest is a running one.
type Guest struct {
	*machine.Machine
	o         Options
	namespace string
	loops     map[string]string // Devices by UUID of the disk.
	rpc       *os.File
	told      chan struct{} // Closed when nothing more is told.
}

// bootScript does what Debian's scripts of runlevels S and 2 do, in their order, around the stages of cloud-init. BED_DISKS
// are lines of device name, major, minor and id.
const bootScript = `trap "exit 0" TERM
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkfifo -m 600 ` + rpcFile + `
mkdir -p /dev/disk/by-id /run/network
printf "%s" "$BED_DISKS" | while read -r name major minor id; do
	mknod -m 660 "/dev/$name" b "$major" "$minor"
	ln -s "../../$name" "/dev/disk/by-id/$id"
done
if [ -s /etc/hostname ]; then hostname -F /etc/hostname; fi
cloud() { if [ -x /usr/bin/cloud-init ]; then cloud-init "$@"; fi; }
cloud init --local
mount -a
ifup -a
cloud init
for script in /etc/rc2.d/S*; do
	case $script in *cloud-*) ;; *) "$script" start ;; esac
done
cloud modules --mode=config
cloud modules --mode=final
` + machine.Reap

// Boot starts a guest and returns when its platform's channel is open; it goes on booting then.
func Boot(ctx context.Context, o Options) (*Guest, error) {
	g := &Guest{o: o, namespace: "guest-" + filepath.Base(o.Folder), loops: map[string]string{}, told: make(chan struct{})}
	if err := g.boot(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("booting guest %q: %w", o.Name, err), g.Halt())
	}
	return g, nil
}

func (g *Guest) boot(ctx context.Context) (err error) {
	if err := os.MkdirAll(g.o.Folder, 0o755); err != nil { //nolint:gosec // The guest's accounts read what is below.
		return err
	}
	if g.o.Metadata == "" && !g.o.Seeded {
		if err := g.hide("/usr/bin/cloud-init"); err != nil {
			return err
		}
	}
	if err := g.o.Network.Add(ctx, g.namespace); err != nil {
		return err
	}
	if err := g.o.Network.Plug(ctx, network.End{Namespace: g.namespace, Device: "eth0"}, g.o.MAC, g.o.Bridge); err != nil {
		return err
	}
	var table strings.Builder
	for _, disk := range g.o.Disks {
		device, number, err := g.attach(ctx, disk)
		if err != nil {
			return err
		}
		fmt.Fprintf(&table, "%s %d %d %s\n", filepath.Base(device), unix.Major(number), unix.Minor(number), disk.link())
	}
	if g.Machine, err = machine.Start(ctx, g.options(table.String())); err != nil {
		return err
	}
	return g.listen()
}

// hide takes a file of the image away from the guest: this is how an overlay remembers that one was removed.
func (g *Guest) hide(name string) error {
	path := filepath.Join(g.o.Folder, "upper", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // As in any root folder.
		return err
	}
	if err := unix.Mknod(path, unix.S_IFCHR, 0); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("hiding %s: %w", name, err)
	}
	return nil
}

func (g *Guest) options(disks string) machine.Options {
	o := g.o
	files := map[string]string{}
	for name, content := range o.Files {
		files[name] = content
	}
	ready := func(_ context.Context, m *machine.Machine) error {
		_, err := os.Stat(m.Path(rpcFile))
		return err
	}
	host := ""
	if o.Address != "" {
		host, _, _ = strings.Cut(o.Address, "/")
		files["/etc/network/interfaces"] = "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet static\n\taddress " + o.Address + "\n"
		ready = nil
	}
	return machine.Options{
		Name: o.Name, Network: o.Network, Namespace: g.namespace, Address: host, Folder: o.Folder, Files: files,
		AuthorizedKeys: o.AuthorizedKeys, Root: o.Image, Init: bootScript, Ready: ready,
		Env: []string{
			"BED_DISKS=" + disks, "VMX_GUESTINFO=1",
			"VMX_GUESTINFO_METADATA=" + o.Metadata, "VMX_GUESTINFO_METADATA_ENCODING=base64",
			"VMX_GUESTINFO_USERDATA=" + o.UserData, "VMX_GUESTINFO_USERDATA_ENCODING=base64",
		},
	}
}

// Halt takes the power away.
func (g *Guest) Halt() error {
	var errs []error
	if g.Machine != nil {
		errs = append(errs, g.Stop())
	}
	if g.rpc != nil {
		errs = append(errs, g.rpc.Close())
		<-g.told
	}
	for _, device := range g.loops {
		errs = append(errs, detach(device))
	}
	return errors.Join(append(errs, g.o.Network.Remove(context.Background(), g.namespace))...)
}

// IP is the address that the guest has set up, as its tools would report it; empty: none yet.
func (g *Guest) IP(ctx context.Context) string {
	out, err := g.o.Network.Run(ctx, g.namespace, "", "ip", "-o", "-4", "address", "show", "dev", "eth0", "scope", "global")
	fields := strings.Fields(out)
	if err != nil || len(fields) < 4 {
		return ""
	}
	address, _, _ := strings.Cut(fields[3], "/")
	return address
}
