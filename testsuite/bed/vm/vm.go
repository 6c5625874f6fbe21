package vm

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
)

// User is the account that the authorized key is let in to.
const User = "deploy"

// Gateway is how the machine sees the loopback of its namespace (qemu's user mode network).
const Gateway = "10.0.2.2"

// Ports of the namespace's loopback that lead to the machine's 22 and 8080.
const (
	SSH         = "127.0.0.1:2222"
	Application = "127.0.0.1:8080"
)

// Options describe a machine.
type Options struct {
	Name          string
	Folder        string // Holds its disks and its console's log.
	Network       *network.Network
	Namespace     string // It reaches nothing but this namespace.
	AuthorizedKey string
	DiskUUID      string // Of its data disk, as the platform gave it.
	DiskBytes     int64
}

// Machine is a running one.
type Machine struct {
	*host.Process
	HostKey string // As in a known_hosts file.
}

// Start switches a machine on. It boots then for half a minute at best.
func Start(ctx context.Context, o Options) (*Machine, error) {
	image, err := prepare(ctx)
	if err != nil {
		return nil, err
	}
	private, public, err := machine.NewKey()
	if err != nil {
		return nil, err
	}
	if err := o.seed(ctx, string(private), public); err != nil {
		return nil, fmt.Errorf("preparing machine %q: %w", o.Name, err)
	}
	data := filepath.Join(o.Folder, "data.img")
	if err := sparse(data, o.DiskBytes); err != nil {
		return nil, err
	}
	p, err := host.Start(ctx, host.Daemon{
		Name: "machine " + o.Name, Namespace: o.Network.Namespace(o.Namespace), Log: filepath.Join(o.Folder, "log"),
		Args: []string{
			"qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024", "-display", "none", "-monitor", "none",
			"-serial", "stdio", "-no-reboot", "-kernel", image.kernel, "-initrd", image.initrd, "-append", "root=LABEL=root console=ttyS0 net.ifnames=0",
			"-drive", "file=" + image.root + ",format=raw,if=virtio,snapshot=on", // What it writes is thrown away.
			"-drive", "file=" + o.seedFile() + ",format=raw,if=virtio,readonly=on",
			"-device", "virtio-scsi-pci", "-drive", "file=" + data + ",format=raw,if=none,id=data",
			"-device", "scsi-hd,drive=data,serial=" + strings.ToLower(strings.ReplaceAll(o.DiskUUID, "-", "")),
			"-netdev", "user,id=net,hostfwd=tcp:" + SSH + "-:22,hostfwd=tcp:" + Application + "-:8080", "-device", "virtio-net-pci,netdev=net",
			"-device", "virtio-rng-pci",
		},
		Ready: func(ctx context.Context) error {
			conn, err := o.Network.Dialer(o.Namespace, &net.Dialer{})(ctx, "tcp", SSH)
			if err == nil {
				err = conn.Close()
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	return &Machine{Process: p, HostKey: public}, nil
}

func sparse(path string, bytes int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return file.Truncate(bytes)
}

func (o Options) seedFile() string { return filepath.Join(o.Folder, "seed.iso") }

// networkConfig is that of qemu's user mode network.
const networkConfig = `version: 2
ethernets:
  eth0: {addresses: [10.0.2.15/24], gateway4: 10.0.2.2}
`

// seed writes the disk that cloud-init's NoCloud data source reads.
func (o Options) seed(ctx context.Context, private, public string) error {
	user, err := json.Marshal(map[string]any{ // YAML too.
		"users":          []any{map[string]any{"name": User, "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL", "ssh_authorized_keys": []string{o.AuthorizedKey}}},
		"ssh_deletekeys": true, "ssh_keys": map[string]string{"ed25519_private": private, "ed25519_public": public},
		"runcmd": []string{"touch /run/first-boot-is-done"},
	})
	if err != nil {
		return err
	}
	args := []string{"-quiet", "-output", o.seedFile(), "-volid", "cidata", "-joliet", "-rock"}
	for name, text := range map[string]string{
		"user-data": "#cloud-config\n" + string(user) + "\n", "meta-data": "instance-id: bed\nlocal-hostname: " + o.Name + "\n", "network-config": networkConfig,
	} {
		path := filepath.Join(o.Folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		args = append(args, path)
	}
	if out, err := exec.CommandContext(ctx, "genisoimage", args...).CombinedOutput(); err != nil { //nolint:gosec // The bed's own arguments.
		return fmt.Errorf("genisoimage: %w: %s", err, out)
	}
	return nil
}
