package vcenter

import (
	"context"
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

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
