package vcenter

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// context is a caller of the simulator of its own: locks belong to it.
func (v *VCenter) context() *simulator.Context {
	return &simulator.Context{Context: context.Background(), Map: v.model.Map()}
}

// watcher is told of every change by the simulator, which holds the changed object's lock meanwhile: it only notes.
type watcher struct {
	mo.Folder // Only for its reference: the simulator keeps watchers among its objects.
	v         *VCenter
}

func (v *VCenter) watch() {
	w := &watcher{v: v}
	w.Self = types.ManagedObjectReference{Type: "SandboxWatcher", Value: "sandbox-watcher"}
	v.model.Map().AddHandler(w)
	v.model.Map().Handler = v.intercept
}

func (w *watcher) Reference() types.ManagedObjectReference { return w.Self }

func (w *watcher) PutObject(_ *simulator.Context, object mo.Reference) {
	if object.Reference().Type == "VirtualMachine" {
		w.v.store.touch()
	}
}

func (w *watcher) UpdateObject(_ *simulator.Context, object mo.Reference, changes []types.PropertyChange) {
	vm, ok := object.(*mo.VirtualMachine)
	if !ok {
		return
	}
	w.v.store.touch()
	if !complete(vm) || vm.Config.Template {
		return
	}
	for _, change := range changes {
		switch change.Name {
		case "runtime.powerState":
			happened := poweredOff
			if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
				happened = poweredOn
			}
			w.v.events.push(event{happened, w.v.describe(vm)})
		case "config.hardware.device":
			w.v.events.push(event{disksChanged, w.v.describe(vm)})
		}
	}
}

func (w *watcher) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	vm, ok := w.v.model.Map().Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return
	}
	w.v.store.touch()
	if complete(&vm.VirtualMachine) { // The caller holds the machine's lock.
		w.v.events.push(event{destroyed, w.v.describe(&vm.VirtualMachine)})
	}
}

func (v *VCenter) describe(vm *mo.VirtualMachine) VM {
	described := VM{
		ID: vm.Config.InstanceUuid, Name: vm.Name, ExtraConfig: extraConfig(vm), Disks: disks(vm),
		Customization: v.customs.get(vm.Config.InstanceUuid),
	}
	if described.Customization != nil {
		described.Address = described.Customization.Address
	} else {
		described.Address = metadataAddress(described.ExtraConfig)
	}
	return described
}

type happening int

const (
	poweredOn happening = iota
	poweredOff
	disksChanged
	destroyed
)

type event struct {
	what happening
	vm   VM
}

// events is a queue without a bound: the simulator pushes while it holds locks that the hooks may need.
type events struct {
	mu      sync.Mutex
	queue   []event
	signal  chan struct{}
	running map[string]context.CancelFunc // By instance UUID; only the runner touches it.
	disks   map[string][]Disk
	guests  sync.WaitGroup
}

func (e *events) push(happened event) {
	e.mu.Lock()
	e.queue = append(e.queue, happened)
	e.mu.Unlock()
	select {
	case e.signal <- struct{}{}:
	default:
	}
}

func (e *events) take() []event {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := e.queue
	e.queue = nil
	return taken
}

func (e *events) run(ctx context.Context, v *VCenter) {
	e.running, e.disks = map[string]context.CancelFunc{}, map[string][]Disk{}
	defer e.guests.Wait()
	for {
		select {
		case <-ctx.Done():
			for _, stop := range e.running {
				stop()
			}
			return
		case <-e.signal:
			for _, happened := range e.take() {
				e.handle(ctx, v, happened)
			}
		}
	}
}

func (e *events) handle(ctx context.Context, v *VCenter, happened event) {
	vm := happened.vm
	switch happened.what {
	case poweredOn:
		e.stop(vm.ID)
		guest, stop := context.WithCancel(ctx)
		e.running[vm.ID] = stop
		e.disks[vm.ID] = vm.Disks
		e.guests.Go(func() { v.boot(guest, vm) })
	case poweredOff:
		e.stop(vm.ID)
		v.silence(vm.ID)
		if v.options.OnPowerOff != nil {
			v.options.OnPowerOff(vm)
		}
	case destroyed:
		e.stop(vm.ID)
		delete(e.disks, vm.ID)
		v.customs.set(vm.ID, nil)
		if v.options.OnDestroy != nil {
			v.options.OnDestroy(vm)
		}
	case disksChanged:
		if before, known := e.disks[vm.ID]; known && slices.Equal(before, vm.Disks) {
			return
		}
		e.disks[vm.ID] = vm.Disks
		if v.options.OnDisks != nil {
			v.options.OnDisks(vm)
		}
	}
}

func (e *events) stop(id string) {
	if stop, ok := e.running[id]; ok {
		stop()
		delete(e.running, id)
	}
}

// boot runs the hook and reports what the guest came up with.
func (v *VCenter) boot(ctx context.Context, vm VM) {
	guest, err := Guest{}, error(nil)
	if v.options.OnPowerOn != nil {
		guest, err = v.options.OnPowerOn(ctx, vm)
	} else if prefix, bad := netip.ParsePrefix(vm.Address); bad == nil {
		guest.Address = prefix.Addr().String()
	}
	if err != nil {
		v.options.Log.Error("booting a guest", "machine", vm.Name, "error", err)
		return
	}
	if ctx.Err() != nil {
		return
	}
	if len(guest.HostKeys) > 0 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Join(guest.HostKeys, "\n") + "\n"))
		if err := v.SetGuestInfo(vm.ID, HostKeys, text); err != nil {
			v.options.Log.Error("publishing a guest's host keys", "machine", vm.Name, "error", err)
		}
	}
	v.report(ctx, vm, guest.Address)
}

// report is what the guest's tools tell the platform.
func (v *VCenter) report(ctx context.Context, vm VM, address string) {
	v.change(vm.ID, func(machine *simulator.VirtualMachine) []types.PropertyChange {
		if ctx.Err() != nil || machine.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
			return nil
		}
		changes := []types.PropertyChange{
			{Name: "guest.toolsStatus", Val: types.VirtualMachineToolsStatusToolsOk},
			{Name: "guest.toolsRunningStatus", Val: string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)},
			{Name: "guest.hostName", Val: vm.Name},
		}
		if address == "" {
			return changes
		}
		nics := slices.Clone(machine.Guest.Net)
		if len(nics) > 0 {
			nics[0].IpAddress = []string{address}
		}
		return append(changes,
			types.PropertyChange{Name: "guest.net", Val: nics},
			types.PropertyChange{Name: "guest.ipAddress", Val: address},
			types.PropertyChange{Name: "summary.guest.ipAddress", Val: address})
	})
}

// silence takes back what a guest reported: it is off.
func (v *VCenter) silence(id string) {
	v.change(id, func(machine *simulator.VirtualMachine) []types.PropertyChange {
		if machine.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
			return nil
		}
		nics := slices.Clone(machine.Guest.Net)
		for i := range nics {
			nics[i].IpAddress = nil
		}
		return []types.PropertyChange{
			{Name: "guest.toolsStatus", Val: types.VirtualMachineToolsStatusToolsNotRunning},
			{Name: "guest.toolsRunningStatus", Val: string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning)},
			{Name: "guest.net", Val: nics},
			{Name: "guest.ipAddress", Val: ""},
			{Name: "summary.guest.ipAddress", Val: ""},
		}
	})
}

// SetGuestInfo sets a guest variable, as vmware-rpctool "info-set KEY VALUE" does inside the guest. A guest can set
// nothing but guestinfo.*.
func (v *VCenter) SetGuestInfo(vmID, key, value string) error {
	if !strings.HasPrefix(key, "guestinfo.") {
		return fmt.Errorf("setting guest variable %q: only guestinfo.* can be set by a guest", key)
	}
	found := v.change(vmID, func(machine *simulator.VirtualMachine) []types.PropertyChange {
		options := slices.DeleteFunc(slices.Clone(machine.Config.ExtraConfig), func(o types.BaseOptionValue) bool {
			return o.GetOptionValue().Key == key
		})
		options = append(options, &types.OptionValue{Key: key, Value: value})
		return []types.PropertyChange{{Name: "config.extraConfig", Val: options}}
	})
	if !found {
		return fmt.Errorf("setting guest variable %q: no machine %s", key, vmID)
	}
	return v.flush()
}

// change updates a machine under its lock.
func (v *VCenter) change(id string, do func(*simulator.VirtualMachine) []types.PropertyChange) bool {
	ref, ok := v.find(id)
	if !ok {
		return false
	}
	registry, ctx := v.model.Map(), v.context()
	machine, ok := registry.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return false
	}
	registry.WithLock(ctx, machine, func() {
		if changes := do(machine); len(changes) > 0 {
			registry.Update(ctx, machine, changes)
		}
	})
	return true
}

// find looks a machine up by its instance UUID.
func (v *VCenter) find(id string) (ref types.ManagedObjectReference, ok bool) {
	registry := v.model.Map()
	for _, entity := range registry.All("VirtualMachine") {
		vm, isVM := entity.(*simulator.VirtualMachine)
		if !isVM {
			continue
		}
		registry.WithLock(v.context(), vm, func() {
			if vm.Config != nil && vm.Config.InstanceUuid == id {
				ref, ok = vm.Self, true
			}
		})
		if ok {
			return ref, true
		}
	}
	return ref, false
}
