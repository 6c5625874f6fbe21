package vcenter

import (
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// trouble is the misbehaviour that a test asked for, by method.
type trouble struct {
	mu     sync.Mutex
	lost   map[string]int
	failed map[string]*failure
	delays map[string]time.Duration
}

type failure struct {
	fault types.BaseMethodFault
	times int
}

// LoseAnswer loses the answer of the next call of the method ("CloneVM_Task"): it is carried out, and the connection
// breaks.
func (v *VCenter) LoseAnswer(method string) {
	v.trouble.mu.Lock()
	defer v.trouble.mu.Unlock()
	if v.trouble.lost == nil {
		v.trouble.lost = map[string]int{}
	}
	v.trouble.lost[method]++
}

// Fail answers the next n calls of the method with the fault: a method that ends in _Task by the task it returns, another
// by the call itself.
func (v *VCenter) Fail(method string, fault types.BaseMethodFault, n int) {
	v.trouble.mu.Lock()
	defer v.trouble.mu.Unlock()
	if v.trouble.failed == nil {
		v.trouble.failed = map[string]*failure{}
	}
	v.trouble.failed[method] = &failure{fault, n}
}

// Delay makes every task of the method (CloneVM_Task, ReconfigVM_Task, PowerOnVM_Task, PowerOffVM_Task, Destroy_Task,
// Rename_Task) wait before it acts; 0 ends that. A waiting task can be cancelled and locks nothing.
func (v *VCenter) Delay(method string, d time.Duration) {
	v.trouble.mu.Lock()
	defer v.trouble.mu.Unlock()
	if v.trouble.delays == nil {
		v.trouble.delays = map[string]time.Duration{}
	}
	v.trouble.delays[method] = d
}

// Expire ends every session, as vCenter does after 30 idle minutes.
func (v *VCenter) Expire() {
	ctx := v.context()
	manager := v.model.Map().SessionManager()
	session := &simulator.Session{Registry: simulator.NewRegistry(), Map: v.model.Map()}
	session.Key = "sandbox"
	ctx.Session = session
	view, ok := session.Get(manager.Self).(*simulator.SessionManager)
	if !ok {
		return
	}
	for _, live := range view.SessionList {
		manager.TerminateSession(ctx, &types.TerminateSession{This: manager.Self, SessionId: []string{live.Key}})
	}
	v.sessions.expire()
}

func (t *trouble) lose(method string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost[method] == 0 {
		return false
	}
	t.lost[method]--
	return true
}

func (t *trouble) fault(method string) types.BaseMethodFault {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.failed[method]
	if f == nil || f.times == 0 {
		return nil
	}
	f.times--
	return f.fault
}

func (t *trouble) callFault(method string) types.BaseMethodFault {
	if strings.HasSuffix(method, "_Task") {
		return nil
	}
	return t.fault(method)
}

type taskTrouble struct {
	fault types.BaseMethodFault
	delay time.Duration
}

func (t *trouble) task(method string) taskTrouble {
	fault := t.fault(method)
	t.mu.Lock()
	defer t.mu.Unlock()
	return taskTrouble{fault, t.delays[method]}
}

// troubled is a machine whose next task is late or fails.
type troubled struct {
	*simulator.VirtualMachine
	v       *VCenter
	delay   time.Duration
	fault   types.BaseMethodFault
	restore func() // Gives the request its session's objects back.
}

// later runs act as the inner task of an outer one that waits first. The outer task stands for no object of the
// inventory while it waits, so the simulator locks none.
func (m *troubled) later(ctx *simulator.Context, name string, act func(*simulator.Context) types.ManagedObjectReference) types.ManagedObjectReference {
	m.restore()
	nothing := object.NewReference(nil, types.ManagedObjectReference{Type: "VirtualMachine", Value: "waiting-" + uuid.NewString()})
	outer := simulator.CreateTask(nothing, name, func(t *simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if cancelled := m.wait(t); cancelled {
			return nil, &types.RequestCanceled{}
		}
		if m.fault != nil {
			return nil, m.fault
		}
		inner := m.v.context()
		inner.Session = ctx.Session
		task := m.v.model.Map().Get(act(inner)).(*simulator.Task)
		task.Wait()
		if task.Info.Error != nil {
			return nil, task.Info.Error.Fault
		}
		return task.Info.Result, nil
	})
	outer.Info.Cancelable = true
	return outer.Run(ctx)
}

// wait sleeps the delay and reports whether the task was cancelled meanwhile.
func (m *troubled) wait(t *simulator.Task) (cancelled bool) {
	registry := m.v.model.Map()
	deadline := time.Now().Add(m.delay)
	for {
		registry.WithLock(m.v.context(), t, func() { cancelled = t.Info.Cancelled })
		left := time.Until(deadline)
		if cancelled || left <= 0 {
			return cancelled
		}
		time.Sleep(min(left, 10*time.Millisecond))
	}
}

// CloneVMTask is the late or failing CloneVM_Task.
func (m *troubled) CloneVMTask(ctx *simulator.Context, r *types.CloneVM_Task) soap.HasFault {
	ref := m.later(ctx, "cloneVm", func(ctx *simulator.Context) types.ManagedObjectReference {
		return m.VirtualMachine.CloneVMTask(ctx, r).(*methods.CloneVM_TaskBody).Res.Returnval
	})
	return &methods.CloneVM_TaskBody{Res: &types.CloneVM_TaskResponse{Returnval: ref}}
}

// ReconfigVMTask is the late or failing ReconfigVM_Task.
func (m *troubled) ReconfigVMTask(ctx *simulator.Context, r *types.ReconfigVM_Task) soap.HasFault {
	ref := m.later(ctx, "reconfigVm", func(ctx *simulator.Context) types.ManagedObjectReference {
		return m.VirtualMachine.ReconfigVMTask(ctx, r).(*methods.ReconfigVM_TaskBody).Res.Returnval
	})
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: ref}}
}

// PowerOnVMTask is the late or failing PowerOnVM_Task.
func (m *troubled) PowerOnVMTask(ctx *simulator.Context, r *types.PowerOnVM_Task) soap.HasFault {
	ref := m.later(ctx, "powerOn", func(ctx *simulator.Context) types.ManagedObjectReference {
		return m.VirtualMachine.PowerOnVMTask(ctx, r).(*methods.PowerOnVM_TaskBody).Res.Returnval
	})
	return &methods.PowerOnVM_TaskBody{Res: &types.PowerOnVM_TaskResponse{Returnval: ref}}
}

// PowerOffVMTask is the late or failing PowerOffVM_Task.
func (m *troubled) PowerOffVMTask(ctx *simulator.Context, r *types.PowerOffVM_Task) soap.HasFault {
	ref := m.later(ctx, "powerOff", func(ctx *simulator.Context) types.ManagedObjectReference {
		return m.VirtualMachine.PowerOffVMTask(ctx, r).(*methods.PowerOffVM_TaskBody).Res.Returnval
	})
	return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{Returnval: ref}}
}

// DestroyTask is the late or failing Destroy_Task.
func (m *troubled) DestroyTask(ctx *simulator.Context, r *types.Destroy_Task) soap.HasFault {
	ref := m.later(ctx, "destroy", func(ctx *simulator.Context) types.ManagedObjectReference {
		return m.VirtualMachine.DestroyTask(ctx, r).(*methods.Destroy_TaskBody).Res.Returnval
	})
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: ref}}
}

// RenameTask is the late or failing Rename_Task.
func (m *troubled) RenameTask(ctx *simulator.Context, r *types.Rename_Task) soap.HasFault {
	ref := m.later(ctx, "rename", func(ctx *simulator.Context) types.ManagedObjectReference {
		return m.VirtualMachine.RenameTask(ctx, r).(*methods.Rename_TaskBody).Res.Returnval
	})
	return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{Returnval: ref}}
}
