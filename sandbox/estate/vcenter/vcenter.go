// Package vcenter is the sandbox's vCenter: govmomi's simulator in process, behind verified TLS and a login.
//
// It speaks the real protocol, so the real driver works against it. Beyond the simulator it keeps its machines over a
// crash, boots guests through hooks, refuses some of what vCenter refuses, and misbehaves on request.
package vcenter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"fermata/sandbox/estate/faults"

	"github.com/vmware/govmomi/simulator"
	vapi "github.com/vmware/govmomi/vapi/simulator"
	"github.com/vmware/govmomi/vim25"
)

// What every vCenter of the sandbox holds from the start.
const (
	Datacenter     = "DC0"
	Cluster        = "DC0_C0"
	Datastore      = "LocalDS_0"
	Network        = "VM Network"
	ServersFolder  = "servers"
	TagCategory    = "env"
	CloudTemplate  = "debian-12"        // Read by cloud-init in the guest.
	VMwareTemplate = "debian-12-vmware" // Customised by the platform.
)

// HostKeys is the guest variable under which guests publish their SSH host keys: base64 of the files' lines.
const HostKeys = "guestinfo.fermata.hostkeys"

// Options say where the vCenter keeps its state, who may log in, and what happens to its guests. The hooks are called
// from goroutines of the vCenter, one machine's hooks in order.
type Options struct {
	Folder   string // State: certificate, machines.
	Listen   string // Empty: 127.0.0.1:0.
	Username string
	Password string
	Faults   *faults.Faults
	Log      *slog.Logger
	// OnPowerOn boots the guest and returns what it reports. ctx ends when the machine is powered off or destroyed.
	// Nil: a guest that reports the address it was given.
	OnPowerOn  func(ctx context.Context, vm VM) (Guest, error)
	OnPowerOff func(vm VM)
	OnDestroy  func(vm VM)
	OnDisks    func(vm VM) // The machine's disks changed, also while it runs.
}

// VM is a machine as its guest's emulator needs to know it.
type VM struct {
	ID            string // Instance UUID.
	Name          string
	ExtraConfig   map[string]string
	Disks         []Disk // In the order of the controller's units.
	Customization *Fixed // Set by the platform (LinuxPrep); nil otherwise.
	Address       string // CIDR that the guest was given, by customization or in guestinfo.metadata.
	MAC           string // Of the first adapter.
}

// Disk is a virtual disk.
type Disk struct {
	UUID  string `json:"uuid"`
	Bytes int64  `json:"bytes"`
	Unit  int32  `json:"unit"`
}

// Fixed is the platform's guest customization.
type Fixed struct {
	Hostname    string   `json:"hostname"`
	Domain      string   `json:"domain,omitempty"`
	Address     string   `json:"address"` // CIDR.
	Gateway     []string `json:"gateway,omitempty"`
	Nameservers []string `json:"nameservers,omitempty"`
}

// Guest is what a running guest reports through its tools.
type Guest struct {
	Address  string   // IP address.
	HostKeys []string // Published as guestinfo, authorized_keys form. A guest may also call SetGuestInfo itself.
}

// VCenter is a running vCenter.
type VCenter struct {
	options  Options
	model    *simulator.Model
	client   *vim25.Client // In process: no login, no faults.
	server   *http.Server
	url      string
	store    store
	trouble  trouble
	events   events
	sessions sessions
	customs  customs
	category atomic.Pointer[string] // Id of the tag category.
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// Start brings a vCenter up with the machines that its folder remembers, as if it had been restarted: running tasks are
// gone, and machines that were on are booted again.
func Start(ctx context.Context, o Options) (*VCenter, error) {
	if o.Username == "" || o.Password == "" {
		return nil, errors.New("starting the vCenter: a username and a password are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the vCenter's folder: %w", err)
	}
	v := &VCenter{options: o, store: store{folder: o.Folder}}
	if err := v.build(ctx); err != nil {
		return nil, err
	}
	if err := v.serve(); err != nil {
		v.model.Remove()
		return nil, err
	}
	background, stop := context.WithCancel(context.Background())
	v.stop = stop
	if err := v.furnish(ctx); err != nil {
		v.Close()
		return nil, err
	}
	v.done.Go(func() { v.events.run(background, v) })
	v.done.Go(func() { v.flushing(background) })
	return v, nil
}

// build makes the inventory, restores what was saved, and from then on watches what changes.
func (v *VCenter) build(ctx context.Context) error {
	v.store.sweep()
	v.model = simulator.VPX()
	v.model.Machine = 0
	if err := v.model.Create(); err != nil {
		return fmt.Errorf("creating the vCenter's inventory: %w", err)
	}
	v.store.rememberHome(v.model)
	v.model.Service.Listen = &url.URL{
		Scheme: "https", Host: "127.0.0.1", Path: vim25.Path,
		User: url.UserPassword(v.options.Username, v.options.Password),
	}
	client, err := vim25.NewClient(ctx, v.model.Service)
	if err != nil {
		return fmt.Errorf("opening the vCenter's own client: %w", err)
	}
	v.client = client
	v.events.signal = make(chan struct{}, 1)
	v.store.wake = make(chan struct{}, 1)
	return v.populate(ctx)
}

func (v *VCenter) serve() error {
	certificate, err := v.store.certificate()
	if err != nil {
		return err
	}
	listen := v.options.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", listen) //nolint:noctx // Binding does not block.
	if err != nil {
		return fmt.Errorf("listening for the vCenter on %s: %w", listen, err)
	}
	v.url = "https://" + listener.Addr().String() + vim25.Path
	service := v.model.Service
	service.Listen.Host = listener.Addr().String()
	registry := service.Context.Map
	service.RegisterSDK(registry, registry.Path+"/vimService")
	service.ServeMux.HandleFunc(registry.Path+"/vimServiceVersions.xml", service.ServiceVersions)
	patterns, handler := vapi.New(service.Listen, registry)
	for _, pattern := range patterns {
		service.Handle(pattern, handler)
	}
	v.server = &http.Server{
		Handler:           &front{v: v, next: service.ServeMux},
		TLSConfig:         certificate,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(v.options.Log.Handler(), slog.LevelDebug),
	}
	v.done.Go(func() { _ = v.server.ServeTLS(gate{listener, v.options.Faults}, "", "") })
	return nil
}

// URL is the address of the SDK: https://127.0.0.1:PORT/sdk.
func (v *VCenter) URL() string { return v.url }

// CAFile is the certificate that clients verify the vCenter with.
func (v *VCenter) CAFile() string { return v.store.certificateFile() }

// Close saves the state and takes the vCenter down; its guests are told to stop.
func (v *VCenter) Close() {
	if v.stop != nil {
		v.stop()
	}
	_ = v.server.Close()
	v.done.Wait()
	if err := v.flush(); err != nil {
		v.options.Log.Error("saving the vCenter's state", "error", err)
	}
	v.model.Remove()
}
