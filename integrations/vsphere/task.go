package vsphere

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fermata/activities/operation"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	watchSeconds = 30               // One round of waiting for changes; a dead connection is noticed after it.
	callTimeout  = time.Minute      // For a call that starts a task; vCenter answers it at once.
	graceAfter   = 30 * time.Second // To cancel a task or tidy up after the attempt's own time is over.
)

// watch calls see with the properties of an object, at first all and then what changes, until it returns true. It
// survives the end of the session.
func (d *Driver) watch(ctx context.Context, ref types.ManagedObjectReference, properties []string, see func([]types.PropertyChange) bool) error {
	for {
		err := d.watchOnce(ctx, ref, properties, see)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !sessionLost(err) {
			return err
		}
	}
}

// sessionLost reports whether the call failed because its collector or view ended with the session.
func sessionLost(err error) bool {
	if is[*types.NotAuthenticated](err) {
		return true
	}
	gone, ok := as[*types.ManagedObjectNotFound](err)
	return ok && (gone.Obj.Type == "PropertyCollector" || gone.Obj.Type == "PropertyFilter" || gone.Obj.Type == "ContainerView")
}

func (d *Driver) watchOnce(ctx context.Context, ref types.ManagedObjectReference, properties []string, see func([]types.PropertyChange) bool) error {
	client, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	collector, err := property.DefaultCollector(client).Create(ctx)
	if err != nil {
		return err
	}
	defer func() {
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceAfter)
		defer cancel()
		_ = collector.Destroy(tidy) // It ends with the session at the latest.
	}()
	filter := new(property.WaitFilter).Add(ref, ref.Type, properties)
	if _, err := collector.CreateFilter(ctx, filter.CreateFilter); err != nil {
		return err
	}
	wait := types.WaitForUpdatesEx{
		This: collector.Reference(), Options: &types.WaitOptions{MaxWaitSeconds: types.NewInt32(watchSeconds)},
	}
	for {
		answer, err := methods.WaitForUpdatesEx(ctx, client, &wait)
		if err != nil {
			return err
		}
		if answer.Returnval == nil {
			continue
		}
		wait.Version = answer.Returnval.Version
		for _, set := range answer.Returnval.FilterSet {
			for _, object := range set.ObjectSet {
				if object.Kind == types.ObjectUpdateKindLeave {
					return &goneError{ref}
				}
				if see(object.ChangeSet) {
					return nil
				}
			}
		}
	}
}

// goneError says that the watched object was removed.
type goneError struct{ ref types.ManagedObjectReference }

func (e *goneError) Error() string { return e.ref.String() + " was removed" }

// Fault is the fault that a call on the object would get.
func (e *goneError) Fault() types.BaseMethodFault { return &types.ManagedObjectNotFound{Obj: e.ref} }

// await waits until a task is done and returns its result. When ctx ends it cancels the task, if that is possible,
// and waits for its end, so that no task of an attempt that is over goes on behind its successor's back.
func (d *Driver) await(ctx context.Context, ref types.ManagedObjectReference, p operation.Progress, what string) (*types.TaskInfo, error) {
	info, err := d.taskEnd(ctx, ref, p, what)
	if err == nil || ctx.Err() == nil {
		return info, err
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceAfter)
	defer cancel()
	client, connectErr := d.session.connect(after)
	if connectErr != nil {
		return nil, errors.Join(ctx.Err(), connectErr)
	}
	// A task that cannot be cancelled, or has just ended, refuses it: then its end is waited for.
	_, _ = methods.CancelTask(after, client, &types.CancelTask{This: ref})
	info, endErr := d.taskEnd(after, ref, p, what)
	if endErr != nil {
		return info, fmt.Errorf("%w (%w)", ctx.Err(), endErr)
	}
	return info, ctx.Err()
}

func (d *Driver) taskEnd(ctx context.Context, ref types.ManagedObjectReference, p operation.Progress, what string) (*types.TaskInfo, error) {
	var last *types.TaskInfo
	said := int32(-1)
	err := d.watch(ctx, ref, []string{"info"}, func(changes []types.PropertyChange) bool {
		for _, change := range changes {
			if info, ok := change.Val.(types.TaskInfo); ok && change.Name == "info" {
				last = &info
			}
		}
		if last == nil {
			return false
		}
		if last.State == types.TaskInfoStateRunning && last.Progress != said {
			said = last.Progress
			p.Say(fmt.Sprintf("%s: %d %%", what, said))
		}
		return last.State == types.TaskInfoStateSuccess || last.State == types.TaskInfoStateError
	})
	if err != nil {
		return last, err
	}
	if last.Error != nil {
		return last, task.Error{LocalizedMethodFault: last.Error}
	}
	return last, nil
}

// attach waits for the task that an earlier attempt noted. How it ended does not matter: the caller looks at what is
// there. A task that vCenter no longer knows is over.
func (d *Driver) attach(ctx context.Context, p operation.Progress) error {
	var ref types.ManagedObjectReference
	if !ref.FromString(p.Task()) || ref.Type != "Task" {
		return nil
	}
	_, err := d.await(ctx, ref, p, "waiting for the task of an earlier attempt")
	p.Note("")
	var ended task.Error
	if err == nil || errors.As(err, &ended) || is[*types.ManagedObjectNotFound](err) {
		return stopped(ctx, "looking at what an earlier attempt did")
	}
	return reading(err, "waiting for the task of an earlier attempt")
}

// run starts a task, notes it before it waits, and waits. The call that starts it is not cut off when ctx ends: only who
// knows the task can cancel it.
func (d *Driver) run(ctx context.Context, p operation.Progress, doing string, start func(context.Context) (types.ManagedObjectReference, error)) (*types.TaskInfo, error) {
	if err := stopped(ctx, doing); err != nil {
		return nil, err
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	ref, err := start(whole)
	if err != nil {
		return nil, changing(err, doing)
	}
	p.Note(ref.String())
	info, err := d.await(ctx, ref, p, doing)
	if err == nil {
		p.Note("")
	}
	return info, changing(err, doing)
}
