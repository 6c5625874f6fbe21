package instance

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/crypto/ssh"

	"fermata/activities/authority"
	"fermata/activities/cloud"
	"fermata/activities/database"
	"fermata/activities/directory"
	"fermata/activities/executions"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/queues"
	"fermata/activities/record"
	"fermata/activities/ticketing"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

const (
	runULID = "01J00000000000000000000000"
	owner   = operation.Owner("instance/app-01")

	alice = "alice@example" // Asks.
	bob   = "bob@example"   // Decides.
)

// document uses every section.
const document = `apiVersion: fermata/v1
kind: Instance
metadata: {name: app-01}
spec:
  cloud: {system: cloud, image: debian-12, flavor: m1.small, network: apps, public: internet}
  access: {user: deploy}
  storage: [{name: data, size: 10GiB, mount: /srv/data}]
  firewall:
    - {name: web, system: cloud, from: [10.10.0.0/24], port: 8080}
    - {name: web-edge, system: edge, from: [10.0.0.0/8], port: 8080}
  accounts:
    local: [{name: anna, keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGBhlXCEGhI0Kn3oRvz4Lw0vHfwAvWvE6ykkJ0FfyCBC anna"], expires: 2099-01-31T18:00:00Z}]
    directory: [{name: app-01-svc, groups: [shop]}]
  database: {name: shop, role: shop, access: readwrite, password: "secret://age/app-01-database", file: {path: /etc/app/db.conf}}
  ticket: {queue: Changes}
  run: {retryFor: 30s, grace: 1h}
`

// world is an in-memory stand-in for the activities: the drivers are not under test here, the workflows are.
type world struct {
	mu        sync.Mutex
	objects   map[string]string     // What exists -> state.
	failing   map[string]fault.Kind // Activity type -> kind that it fails with, until removed.
	after     map[string]func()     // Called once when the activity type is done.
	calls     []string              // Activity types in the order they began.
	ops       []operation.Op        // Under which something was changed.
	records   []record.Record
	versions  []string // Keys that wrote the versions of the password: version n is entry n-1.
	file      string   // Login and version in the connection file.
	notes     []string // On tickets.
	addresses []string
}

type bench struct {
	*testsuite.TestWorkflowEnvironment
	world    *world
	people   map[string]ssh.Signer
	verdicts []wire.DecideResult
}

func newWorld() *world {
	return &world{objects: map[string]string{}, failing: map[string]fault.Kind{}, after: map[string]func(){}, addresses: []string{"10.30.0.11"}}
}

func setup(t *testing.T, w *world) *bench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	b := &bench{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), world: w, people: map[string]ssh.Signer{}}
	b.SetTestTimeout(30 * time.Second)
	b.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: string(owner), TaskQueue: wire.Queue})
	var lines strings.Builder
	for _, name := range []string{alice, bob} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		signer, err := ssh.NewSignerFromKey(key)
		require.NoError(t, err)
		b.people[name] = signer
		lines.WriteString(name + " " + string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	}
	allowed, err := decision.ParseAllowedSigners(strings.NewReader(lines.String()))
	require.NoError(t, err)
	register := func(name string, f any) { b.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	authority.NewActivities(policies{&decision.Policy{Cluster: "test", Namespace: "default", Signers: allowed}}, b.Now).Register(register)
	queues.NewActivities(w, time.Second).Register(register)
	executions.NewActivities(w).Register(register)
	w.register(register)
	Register(func(name string, f any) {
		if name == wire.ExpireAccount { // The environment would skip the years that it waits for: its own tests have the real one.
			f = func(ctx workflow.Context, in wire.Expiry) error {
				_ = w.did("watch", w.set("watch over "+in.Account, in.Ticket))
				// The environment ends with its last workflow, so this one ends after all that a test waits for.
				if freed, _ := workflow.GetSignalChannel(ctx, wire.SignalFree).ReceiveWithTimeout(ctx, 24*time.Hour, nil); !freed {
					return nil
				}
				return w.did("free", w.remove("watch over "+in.Account))
			}
		}
		b.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	})
	b.OnSignalExternalWorkflow(mock.Anything, wire.ExpiryWorkflowID(owner, placeLocal, "anna"), "", wire.SignalFree, mock.Anything).
		Return(func(string, string, string, string, any) error { return w.did("free", w.remove("watch over anna")) })
	return b
}

type policies struct{ p *decision.Policy }

func (p policies) Policy(context.Context) (*decision.Policy, error) { return p.p, nil }

func (w *world) Polled(context.Context, string) (bool, error) { return true, nil }

func (w *world) Find(context.Context, string) (executions.Execution, error) {
	return executions.Execution{Open: true, Target: owner, Run: runULID}, nil
}

// did counts an activity, and fails it if it should.
func (w *world) did(name string, change func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, name)
	if kind, failing := w.failing[name]; failing {
		return fault.ForTemporal(fault.New(kind, "%s fails on purpose", name))
	}
	if change != nil {
		change()
	}
	if f := w.after[name]; f != nil {
		delete(w.after, name)
		f()
	}
	return nil
}

func (w *world) set(object, state string) func() { return func() { w.objects[object] = state } }

func (w *world) remove(object string) func() { return func() { delete(w.objects, object) } }

// on registers an activity that does one thing to the world. What changes something acts for the owner, under a key of the run.
func on[In, Out any](r func(string, any), w *world, name string, op func(In) operation.Op, do func(In) (Out, func())) {
	r(name, func(_ context.Context, in In) (Out, error) {
		if op != nil {
			w.mu.Lock()
			w.ops = append(w.ops, op(in))
			w.mu.Unlock()
		}
		out, change := do(in)
		return out, w.did(name, change)
	})
}

func (w *world) register(r func(string, any)) {
	type none = map[string]any
	for _, name := range []string{"cloud.Check", "firewall.Check", "directory.Check", "ticketing.Check", "record.Check", "guest.Reach", "guest.ConfigureSystem", "guest.MountVolume", "database.RemoveConnection"} {
		r(name, func(context.Context, none) (none, error) { return none{}, w.did(name, nil) })
	}
	w.registerCloud(r)
	w.registerGuest(r)
	w.registerDirectory(r)
	w.registerDatabase(r)
	w.registerPaper(r)
}

func (w *world) registerCloud(r func(string, any)) {
	on(r, w, "cloud.Plan", nil, func(cloud.PlanInput) (cloud.PlanOutput, func()) {
		p := cloud.Planned{Placement: cloud.Placement{Image: cloud.Ref{ID: "i-1", Name: "debian-12"}, Public: cloud.Ref{ID: "n-2"}}, CPUs: 1, MemoryBytes: 1 << 31}
		if state, there := w.objects["instance"]; there {
			p.Existing = []cloud.Instance{{ID: "vm-1", Name: "app-01", Owner: owner, Key: state}}
		}
		if used, there := w.objects["quota"]; there {
			p.Quotas = []cloud.Quota{{Name: "instances", Limit: 1, Used: int64(len(used)), Needed: 1}}
		}
		return cloud.PlanOutput{Planned: p}, nil
	})
	on(r, w, "cloud.FindOwned", nil, func(cloud.FindOwnedInput) (cloud.FindOwnedOutput, func()) {
		var o cloud.Owned
		if state, there := w.objects["instance"]; there {
			o.Instances = []cloud.Instance{{ID: "vm-1", Name: "app-01", State: cloud.State(state), Addresses: w.addresses, HostKeys: []string{"k"}}}
		}
		for object := range w.objects {
			if object == "group" {
				o.Groups = []cloud.Group{{ID: "g-1", Name: "app-01"}}
			}
			if object == "volume" {
				o.Disks = []cloud.Disk{{ID: "v-1", Name: "data"}}
			}
			if object == "public" {
				o.Addresses = []cloud.PublicAddress{{ID: "p-1", Address: "203.0.113.5"}}
			}
		}
		return cloud.FindOwnedOutput{Owned: o}, nil
	})
	on(r, w, "cloud.MakeGroup", func(in cloud.MakeGroupInput) operation.Op { return in.Op }, func(cloud.MakeGroupInput) (cloud.MakeGroupOutput, func()) {
		return cloud.MakeGroupOutput{Group: cloud.Group{ID: "g-1"}}, w.set("group", "empty")
	})
	on(r, w, "cloud.MakeInstance", func(in cloud.MakeInstanceInput) operation.Op { return in.Op }, func(in cloud.MakeInstanceInput) (cloud.MakeInstanceOutput, func()) {
		m := cloud.Instance{ID: "vm-1", Name: in.Request.Name, Key: in.Op.Key.String(), Addresses: w.addresses, HostKeys: []string{"k"}}
		return cloud.MakeInstanceOutput{Instance: m}, w.set("instance", string(cloud.Running))
	})
	on(r, w, "cloud.AddVolume", func(in cloud.AddVolumeInput) operation.Op { return in.Op }, func(in cloud.AddVolumeInput) (cloud.AddVolumeOutput, func()) {
		return cloud.AddVolumeOutput{Disk: cloud.Disk{ID: "v-1", Serial: "v-1", Bytes: in.Volume.Bytes, Key: in.Op.Key.String()}}, w.set("volume", "attached")
	})
	on(r, w, "cloud.TakeAddress", func(in cloud.TakeAddressInput) operation.Op { return in.Op }, func(cloud.TakeAddressInput) (cloud.TakeAddressOutput, func()) {
		return cloud.TakeAddressOutput{Address: cloud.PublicAddress{Address: "203.0.113.5"}}, w.set("public", "taken")
	})
	for name, object := range map[string]string{"cloud.RemoveGroup": "group", "cloud.RemoveInstance": "instance", "cloud.RemoveVolume": "volume", "cloud.GiveBackAddress": "public"} {
		r(name, func(context.Context, map[string]any) (map[string]any, error) {
			return nil, w.did(name, w.remove(object))
		})
	}
	on(r, w, "cloud.StopInstance", func(in cloud.StopInstanceInput) operation.Op { return in.Op }, func(cloud.StopInstanceInput) (cloud.StopInstanceOutput, func()) {
		return cloud.StopInstanceOutput{}, w.set("instance", string(cloud.Stopped))
	})
	on(r, w, "cloud.StartInstance", func(in cloud.StartInstanceInput) operation.Op { return in.Op }, func(cloud.StartInstanceInput) (cloud.StartInstanceOutput, func()) {
		return cloud.StartInstanceOutput{}, w.set("instance", string(cloud.Running))
	})
	on(r, w, "cloud.RemoveOwned", func(in cloud.RemoveOwnedInput) operation.Op { return in.Op }, func(cloud.RemoveOwnedInput) (cloud.RemoveOwnedOutput, func()) {
		return cloud.RemoveOwnedOutput{}, func() {
			for _, object := range []string{"instance", "volume", "public", "group"} {
				delete(w.objects, object)
			}
		}
	})
	on(r, w, "firewall.FindRules", nil, func(in firewall.FindRulesInput) (firewall.FindRulesOutput, func()) {
		var out firewall.FindRulesOutput
		if key, there := w.objects["rules of "+in.System]; there {
			out.Rules = []firewall.Installed{{Rule: firewall.Rule{Name: "web"}, Key: key, Owner: owner}}
		}
		return out, nil
	})
	on(r, w, "firewall.OpenPaths", func(in firewall.OpenPathsInput) operation.Op { return in.Op }, func(in firewall.OpenPathsInput) (firewall.OpenPathsOutput, func()) {
		return firewall.OpenPathsOutput{}, w.set("rules of "+in.System, in.Op.Key.String())
	})
	on(r, w, "firewall.ClosePaths", func(in firewall.ClosePathsInput) operation.Op { return in.Op }, func(in firewall.ClosePathsInput) (firewall.ClosePathsOutput, func()) {
		return firewall.ClosePathsOutput{}, w.remove("rules of " + in.System)
	})
	on(r, w, "firewall.CloseOwned", func(in firewall.CloseOwnedInput) operation.Op { return in.Op }, func(in firewall.CloseOwnedInput) (firewall.CloseOwnedOutput, func()) {
		return firewall.CloseOwnedOutput{}, w.remove("rules of " + in.System)
	})
}

func (w *world) registerGuest(r func(string, any)) {
	on(r, w, "guest.Check", nil, func(guest.CheckInput) (guest.CheckOutput, func()) { return guest.CheckOutput{}, nil })
	on(r, w, "guest.AuthorizedKey", nil, func(guest.AuthorizedKeyInput) (guest.AuthorizedKeyOutput, func()) {
		return guest.AuthorizedKeyOutput{Key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGBhlXCEGhI0Kn3oRvz4Lw0vHfwAvWvE6ykkJ0FfyCBC worker"}, nil
	})
	on(r, w, "guest.MakeAccount", func(in guest.MakeAccountInput) operation.Op { return in.Op }, func(in guest.MakeAccountInput) (guest.MakeAccountOutput, func()) {
		return guest.MakeAccountOutput{}, w.set("local "+in.Account.Name, "on")
	})
	r("guest.DisableAccount", func(_ context.Context, in guest.DisableAccountInput) (guest.DisableAccountOutput, error) {
		return guest.DisableAccountOutput{}, w.did("guest.DisableAccount", w.set("local "+in.Name, "disabled"))
	})
}

func (w *world) registerDirectory(r func(string, any)) {
	on(r, w, "directory.FindAccounts", nil, func(in directory.FindAccountsInput) (directory.FindAccountsOutput, func()) {
		var out directory.FindAccountsOutput
		for object, state := range w.objects {
			if name, ok := strings.CutPrefix(object, "account "); ok && (in.Name == "" || in.Name == name) {
				out.Accounts = append(out.Accounts, directory.Held{Account: directory.Account{Name: name}, Owner: owner, Key: state})
			}
		}
		return out, nil
	})
	on(r, w, "directory.MakeAccount", func(in directory.MakeAccountInput) operation.Op { return in.Op }, func(in directory.MakeAccountInput) (directory.MakeAccountOutput, func()) {
		return directory.MakeAccountOutput{}, w.set("account "+in.Account.Name, in.Op.Key.String())
	})
	on(r, w, "directory.RemoveAccount", func(in directory.RemoveAccountInput) operation.Op { return in.Op }, func(in directory.RemoveAccountInput) (directory.RemoveAccountOutput, func()) {
		return directory.RemoveAccountOutput{}, w.remove("account " + in.Name)
	})
	on(r, w, "directory.DisableAccount", func(in directory.DisableAccountInput) operation.Op { return in.Op }, func(in directory.DisableAccountInput) (directory.DisableAccountOutput, func()) {
		return directory.DisableAccountOutput{}, w.set("account "+in.Name, "disabled")
	})
	on(r, w, "directory.EnableAccount", func(in directory.EnableAccountInput) operation.Op { return in.Op }, func(in directory.EnableAccountInput) (directory.EnableAccountOutput, func()) {
		return directory.EnableAccountOutput{}, w.set("account "+in.Name, "enabled")
	})
	on(r, w, "directory.RemoveOwned", func(in directory.RemoveOwnedInput) operation.Op { return in.Op }, func(directory.RemoveOwnedInput) (directory.RemoveOwnedOutput, func()) {
		return directory.RemoveOwnedOutput{}, w.remove("account app-01-svc")
	})
}

// kept is the version that the key wrote, or a new one; by compare-and-set.
func (w *world) kept(key, after string) (version string, err error) {
	if i := slices.Index(w.versions, key); i >= 0 {
		return string(rune('1' + i)), nil
	}
	if newest := w.newest(); newest != after {
		return "", fault.ForTemporal(fault.New(fault.Conflict, "the newest version is %q, not %q", newest, after))
	}
	w.versions = append(w.versions, key)
	return w.newest(), nil
}

func (w *world) newest() string {
	if len(w.versions) == 0 {
		return ""
	}
	return string(rune('0' + len(w.versions)))
}

func (w *world) registerDatabase(r func(string, any)) {
	on(r, w, "database.Check", nil, func(database.CheckInput) (database.CheckOutput, func()) {
		return database.CheckOutput{Endpoint: database.Endpoint{Engine: "postgresql", Host: "db-01", Port: 5432}}, nil
	})
	on(r, w, "database.NewestPassword", nil, func(database.NewestPasswordInput) (database.NewestPasswordOutput, func()) {
		return database.NewestPasswordOutput{Version: w.newest()}, nil
	})
	on(r, w, "database.Find", nil, func(database.FindInput) (database.FindOutput, func()) {
		var found database.Found
		for _, object := range []string{"database shop"} {
			if key, there := w.objects[object]; there {
				found.Databases = append(found.Databases, database.Held{Name: "shop", Owner: owner, Key: key})
			}
		}
		for _, login := range []string{"shop_1", "shop_2"} {
			if _, there := w.objects["login "+login]; there {
				found.Roles = append(found.Roles, database.Held{Name: login, Owner: owner, Key: runULID + "/role/app-01"})
			}
		}
		return database.FindOutput{Found: found}, nil
	})
	on(r, w, "database.MakeDatabase", func(in database.MakeDatabaseInput) operation.Op { return in.Op }, func(in database.MakeDatabaseInput) (database.MakeDatabaseOutput, func()) {
		return database.MakeDatabaseOutput{}, w.set("database "+in.Database.Name, in.Op.Key.String())
	})
	on(r, w, "database.RemoveDatabase", func(in database.RemoveDatabaseInput) operation.Op { return in.Op }, func(in database.RemoveDatabaseInput) (database.RemoveDatabaseOutput, func()) {
		return database.RemoveDatabaseOutput{}, w.remove("database " + in.Database.Name)
	})
	r("database.MakeRole", func(_ context.Context, in database.MakeRoleInput) (database.MakeRoleOutput, error) {
		version, err := w.kept(in.Op.Key.String(), in.After)
		if err != nil {
			return database.MakeRoleOutput{}, err
		}
		return database.MakeRoleOutput{Version: version}, w.did("database.MakeRole", w.set("login "+in.Role.Name, version))
	})
	r("database.SetPassword", func(_ context.Context, in database.SetPasswordInput) (database.SetPasswordOutput, error) {
		version, err := w.kept(in.Op.Key.String(), in.After)
		if err != nil {
			return database.SetPasswordOutput{}, err
		}
		return database.SetPasswordOutput{Version: version}, w.did("database.SetPassword", w.set("login "+in.Role, version))
	})
	on(r, w, "database.RestorePassword", func(in database.RestorePasswordInput) operation.Op { return in.Op }, func(in database.RestorePasswordInput) (database.RestorePasswordOutput, func()) {
		return database.RestorePasswordOutput{}, w.set("login "+in.Role, in.Secret.Version())
	})
	on(r, w, "database.DiscardPassword", func(in database.DiscardPasswordInput) operation.Op { return in.Op }, func(in database.DiscardPasswordInput) (database.DiscardPasswordOutput, func()) {
		return database.DiscardPasswordOutput{}, func() {
			w.versions = slices.DeleteFunc(w.versions, func(key string) bool { return key == in.Op.Key.String() })
		}
	})
	on(r, w, "database.DisableRole", func(in database.DisableRoleInput) operation.Op { return in.Op }, func(in database.DisableRoleInput) (database.DisableRoleOutput, func()) {
		return database.DisableRoleOutput{}, w.set("login "+in.Role, "disabled")
	})
	on(r, w, "database.RemoveRole", func(in database.RemoveRoleInput) operation.Op { return in.Op }, func(in database.RemoveRoleInput) (database.RemoveRoleOutput, func()) {
		return database.RemoveRoleOutput{}, w.remove("login " + in.Role.Name)
	})
	on(r, w, "database.RemoveOwned", func(in database.RemoveOwnedInput) operation.Op { return in.Op }, func(in database.RemoveOwnedInput) (database.RemoveOwnedOutput, func()) {
		return database.RemoveOwnedOutput{}, func() {
			delete(w.objects, "login shop_1")
			delete(w.objects, "login shop_2")
			for _, name := range in.Drop {
				delete(w.objects, "database "+name)
			}
		}
	})
	on(r, w, "database.Dump", func(in database.DumpInput) operation.Op { return in.Op }, func(database.DumpInput) (database.DumpOutput, func()) {
		return database.DumpOutput{Archive: database.Archive{Path: "/archives/shop"}}, w.set("dump", "kept")
	})
	on(r, w, "database.WriteConnection", func(in database.WriteConnectionInput) operation.Op { return in.Op }, func(in database.WriteConnectionInput) (database.WriteConnectionOutput, func()) {
		return database.WriteConnectionOutput{}, func() { w.file = in.Role + "@" + in.Secret.Version() }
	})
	r("database.Prove", func(context.Context, database.ProveInput) (database.ProveOutput, error) {
		login, version, _ := strings.Cut(w.file, "@")
		if w.objects["login "+login] != version {
			return database.ProveOutput{}, fault.ForTemporal(fault.New(fault.Unauthorized, "the login in the file is refused"))
		}
		return database.ProveOutput{Lines: []string{"connected as " + login}}, w.did("database.Prove", nil)
	})
}

func (w *world) registerPaper(r func(string, any)) {
	on(r, w, "ticketing.OpenTicket", nil, func(ticketing.OpenTicketInput) (ticketing.OpenTicketOutput, func()) {
		return ticketing.OpenTicketOutput{Ticket: ticketing.Ticket{ID: "7"}}, w.set("ticket", "open")
	})
	on(r, w, "ticketing.SetStatus", nil, func(in ticketing.SetStatusInput) (ticketing.SetStatusOutput, func()) {
		return ticketing.SetStatusOutput{}, w.set("ticket", string(in.Status))
	})
	on(r, w, "ticketing.AddNote", nil, func(in ticketing.AddNoteInput) (ticketing.AddNoteOutput, func()) {
		return ticketing.AddNoteOutput{}, func() { w.notes = append(w.notes, in.Text) }
	})
	on(r, w, "record.Append", nil, func(in record.AppendInput) (record.AppendOutput, func()) {
		return record.AppendOutput{Sequence: 1, Hash: "h"}, func() { w.records = append(w.records, in.Record) }
	})
	on(r, w, "record.Find", nil, func(record.FindInput) (record.FindOutput, func()) {
		var out record.FindOutput
		for _, rec := range w.records {
			b, _ := json.Marshal(rec)
			out.Entries = append(out.Entries, record.Entry{Record: b, Hash: "h"})
		}
		return out, nil
	})
}

// say has a person give a command after a while.
func (b *bench) say(t *testing.T, after time.Duration, person string, c decision.Command, step string) {
	t.Helper()
	b.RegisterDelayedCallback(func() {
		gate, open := b.progress(t).Gate(c, step)
		require.True(t, open, "a gate takes %q", c)
		e := decision.Envelope{Gate: gate.ID, Nonce: gate.Nonce, Command: c, Hash: gate.Hash}
		if c == decision.Retry || c == decision.Skip {
			e.Step = gate.Step
		}
		b.UpdateWorkflow(wire.UpdateDecide, e.Nonce+string(c)+after.String()+person, &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { require.NoError(t, err) },
			OnComplete: func(result any, err error) {
				require.NoError(t, err)
				b.verdicts = append(b.verdicts, result.(wire.DecideResult))
			},
		}, wire.Decide{Signed: b.sign(t, person, e)})
	}, after)
}

func (b *bench) progress(t *testing.T) wire.Progress {
	t.Helper()
	value, err := b.QueryWorkflow(wire.QueryProgress)
	require.NoError(t, err)
	var p wire.Progress
	require.NoError(t, value.Get(&p))
	return p
}

func (b *bench) sign(t *testing.T, person string, e decision.Envelope) decision.Signed {
	t.Helper()
	now := b.Now().UTC().Truncate(time.Second)
	e.Version, e.Cluster, e.Namespace, e.WorkflowID, e.Person, e.Run = decision.Version, "test", "default", string(owner), person, runULID
	e.Issued, e.Expires = now, now.Add(10*time.Minute)
	signed, err := decision.Sign(e, b.people[person])
	require.NoError(t, err)
	return signed
}

// carry runs a workflow that alice starts to its end.
func (b *bench) carry(t *testing.T, kind string, document any) wire.StartOutput {
	t.Helper()
	text, err := json.Marshal(document)
	require.NoError(t, err)
	hash, err := decision.Hash(json.RawMessage(text))
	require.NoError(t, err)
	start := b.sign(t, alice, decision.Envelope{Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash})
	b.ExecuteWorkflow(kind, wire.StartInput{Run: runULID, Document: text, Start: start})
	require.True(t, b.IsWorkflowCompleted())
	require.NoError(t, b.GetWorkflowError())
	var out wire.StartOutput
	require.NoError(t, b.GetWorkflowResult(&out))
	for _, op := range b.world.ops {
		require.Equal(t, owner, op.Owner)
		require.Equal(t, runULID, op.Key.Run)
	}
	return out
}

func parsed(t *testing.T) *spec.Instance {
	t.Helper()
	i, err := spec.ParseInstance("app-01.yaml", []byte(document))
	require.NoError(t, err)
	return i
}
