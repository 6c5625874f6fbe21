package vcenter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"fermata/sandbox/keep"
)

// record is a machine as the state file has it. Inventory ids are not in it: they change with a restart.
type record struct {
	ID         string                         `json:"instance_uuid"`
	BIOS       string                         `json:"bios_uuid"`
	Name       string                         `json:"name"`
	Folder     string                         `json:"folder,omitempty"`
	GuestID    string                         `json:"guest_id"`
	Annotation string                         `json:"annotation,omitempty"`
	CPUs       int32                          `json:"cpus"`
	MemoryMB   int64                          `json:"memory_mb"`
	Extra      map[string]string              `json:"extra_config,omitempty"`
	Disks      []Disk                         `json:"disks"`
	MAC        string                         `json:"mac,omitempty"`
	Network    string                         `json:"network,omitempty"`
	Power      types.VirtualMachinePowerState `json:"power"`
	Tags       []string                       `json:"tags,omitempty"` // Of the category env.
	Custom     *Fixed                         `json:"customization,omitempty"`
	Template   bool                           `json:"-"`
}

// store writes the state and reads it back.
type store struct {
	folder   string
	dirty    atomic.Bool
	wake     chan struct{}
	mu       sync.Mutex // One writer.
	restored []record
}

// touch notes that there is something to save.
func (s *store) touch() {
	s.dirty.Store(true)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *store) file() string { return filepath.Join(s.folder, "machines.json") }
func (s *store) home() string { return filepath.Join(s.folder, "datastore") }

func (s *store) load() ([]record, error) {
	text, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the vCenter's state: %w", err)
	}
	var records []record
	if err := json.Unmarshal(text, &records); err != nil {
		return nil, fmt.Errorf("reading the vCenter's state %s: %w", s.file(), err)
	}
	return records, nil
}

func (s *store) save(records []record) error {
	text, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		return err
	}
	return keep.Replace(s.file(), append(text, '\n'))
}

// rememberHome notes the simulator's datastore folder, which a killed process leaves behind; sweep removes it.
func (s *store) rememberHome(model *simulator.Model) {
	for _, setting := range model.Map().OptionManager().Setting {
		if option := setting.GetOptionValue(); option.Key == "vcsim.home" {
			_ = os.WriteFile(s.home(), []byte(option.Value.(string)), 0o600)
		}
	}
}

func (s *store) sweep() {
	text, err := os.ReadFile(s.home())
	if err != nil {
		return
	}
	dir := string(text)
	if filepath.Dir(dir) == filepath.Clean(os.TempDir()) && strings.HasPrefix(filepath.Base(dir), "govcsim-") {
		_ = os.RemoveAll(dir)
	}
}

// flush saves what changed since the last time. When it returns nil, everything that was done before the call is on
// disk.
func (v *VCenter) flush() error {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	// Before the restored machines have their tags again, the file knows more than the inventory.
	if v.category.Load() == nil || !v.store.dirty.Swap(false) {
		return nil
	}
	if err := v.store.save(v.snapshot()); err != nil {
		v.store.dirty.Store(true)
		return fmt.Errorf("writing the vCenter's state: %w", err)
	}
	return nil
}

// gather is how long changes that nobody asks about are gathered before they are written.
const gather = 100 * time.Millisecond

// flushing saves what changed without a request: a task that nobody waited for, a guest's report. What a request is told
// of was saved before its answer.
func (v *VCenter) flushing(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.store.wake:
			select {
			case <-ctx.Done():
				return
			case <-time.After(gather):
			}
			if err := v.flush(); err != nil {
				v.options.Log.Error("saving the vCenter's state", "error", err)
			}
		}
	}
}

func (v *VCenter) snapshot() []record {
	registry := v.model.Map()
	records, refs := []record{}, []types.ManagedObjectReference{}
	for _, entity := range registry.All("VirtualMachine") {
		vm, ok := entity.(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		registry.WithLock(v.context(), vm, func() {
			if complete(&vm.VirtualMachine) && !vm.Config.Template {
				records = append(records, v.record(&vm.VirtualMachine))
				refs = append(refs, vm.Self)
			}
		})
	}
	for i := range records { // Outside the machines' locks: the REST interface has one of its own.
		records[i].Tags = v.tagsOf(refs[i])
	}
	slices.SortFunc(records, func(a, b record) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return records
}

// complete reports whether a machine is past its making.
func complete(vm *mo.VirtualMachine) bool {
	return vm.Config != nil && vm.Config.InstanceUuid != "" && vm.Name != "" && vm.Parent != nil && len(vm.Datastore) > 0
}

func (v *VCenter) record(vm *mo.VirtualMachine) record {
	r := record{
		ID: vm.Config.InstanceUuid, BIOS: vm.Config.Uuid, Name: vm.Name, GuestID: vm.Config.GuestId,
		Annotation: vm.Config.Annotation, CPUs: vm.Config.Hardware.NumCPU, MemoryMB: int64(vm.Config.Hardware.MemoryMB),
		Extra: extraConfig(vm), Disks: disks(vm), Power: vm.Runtime.PowerState,
		Custom: v.customs.get(vm.Config.InstanceUuid),
	}
	if parent, ok := v.model.Map().Get(*vm.Parent).(*simulator.Folder); ok && parent.Name == ServersFolder {
		r.Folder = ServersFolder
	}
	r.MAC, r.Network = v.adapter(vm)
	return r
}

// tagger is the part of the simulator's REST interface that tells which tags an object has.
type tagger interface {
	AttachedTags(id types.ManagedObjectReference) ([]string, types.BaseMethodFault)
	GetTagCategoryAndName(id string) (string, string, types.BaseMethodFault)
}

func (v *VCenter) tagsOf(ref types.ManagedObjectReference) (found []string) {
	handler, _ := v.model.Service.ServeMux.Handler(httptest.NewRequest(http.MethodGet, "/rest/", nil))
	manager, ok := handler.(tagger)
	if !ok {
		return nil
	}
	lock, ok := handler.(sync.Locker)
	if ok {
		lock.Lock()
		defer lock.Unlock()
	}
	ids, _ := manager.AttachedTags(ref)
	for _, id := range ids {
		if category, name, fault := manager.GetTagCategoryAndName(id); fault == nil && category == *v.category.Load() {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// inProcess answers requests by a handler, without a connection.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	p.handler.ServeHTTP(answer, r)
	response := answer.Result()
	response.Request = r
	return response, nil
}
