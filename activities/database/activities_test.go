package database

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// store is a secret.Store with one secret. It counts how often something was kept.
type store struct {
	secret.Store
	values map[string]secret.Value // By version, which is the key that wrote it.
	newest string
	kept   int
}

func (s *store) Keep(_ context.Context, _ secret.Ref, key, after string, value secret.Value) (secret.Value, string, error) {
	if old, ok := s.values[version(key)]; ok {
		return old, version(key), nil
	}
	if after != s.newest {
		return secret.Value{}, "", fault.New(fault.Conflict, "the newest version is %s", s.newest)
	}
	s.kept++
	s.values[version(key)], s.newest = value, version(key)
	return value, s.newest, nil
}

func version(key string) string { return operation.Key{Run: key}.UUID().String() }

func (s *store) Discard(_ context.Context, _ secret.Ref, key string) error {
	delete(s.values, version(key))
	s.newest = ""
	return nil
}

func (s *store) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	if value, ok := s.values[ref.Version()]; ok {
		return value, nil
	}
	return secret.Value{}, fault.New(fault.NotFound, "no version %s", ref.Version())
}

// careless is a server that fails as often as it is told, and quotes what it was given.
type careless struct {
	Server
	fail int
	ca   string
	seen []string
}

func (c *careless) given(password secret.Value) error {
	c.seen = append(c.seen, password.Text())
	if c.fail > 0 {
		c.fail--
		return fault.New(fault.Ambiguous, "lost after %s", password.Text())
	}
	return nil
}

func (c *careless) EnsureRole(_ context.Context, _ operation.Op, _ Role, password secret.Value, _ operation.Progress) error {
	return c.given(password)
}

func (c *careless) SetPassword(_ context.Context, _ operation.Op, _ string, password secret.Value, _ operation.Progress) error {
	return c.given(password)
}

func (c *careless) ClientEndpoint() Endpoint { return Endpoint{Host: "db", Port: 1, CA: c.ca} }

func (c *careless) Render(r Credentials, ca string) (secret.Value, error) {
	return secret.NewValue([]byte(r.Password.Text() + ca)), nil
}

func (c *careless) Parse(content secret.Value, ca string) (Credentials, error) {
	return Credentials{Role: "app", Database: "shop", Password: content}, nil
}

func (c *careless) Prove(_ context.Context, _ Dial, r Credentials, _ Access) ([]string, error) {
	return []string{"seen"}, c.given(r.Password)
}

// machine keeps files.
type machine struct {
	files map[string]secret.Value
	mode  fs.FileMode
	owner string
}

func (m *machine) WriteFile(_ context.Context, _ operation.Op, _ Client, f ConnectionFile, content secret.Value) error {
	m.files[f.Path] = content
	return nil
}

func (m *machine) ReadFile(_ context.Context, _ Client, path string) (secret.Value, fs.FileMode, string, error) {
	content, ok := m.files[path]
	if !ok {
		return secret.Value{}, 0, "", fault.New(fault.NotFound, "no %s", path)
	}
	return content, m.mode, m.owner, nil
}

func (m *machine) RemoveFile(_ context.Context, _ operation.Op, _ Client, path string) error {
	delete(m.files, path)
	return nil
}

func (m *machine) Through(_ context.Context, _ Client, use func(Dial) error) error { return use(nil) }

type rig struct {
	*testing.T
	activities *Activities
	server     *careless
	machine    *machine
	store      *store
}

func setup(t *testing.T) *rig {
	t.Helper()
	r := &rig{
		T: t, server: &careless{ca: "PEM"}, machine: &machine{files: map[string]secret.Value{}, mode: 0o640, owner: "root:app"},
		store: &store{values: map[string]secret.Value{}},
	}
	r.activities = NewActivities(map[string]Server{"db": r.server}, map[string]Entrance{"ssh": r.machine}, r.store)
	return r
}

// run executes one activity as a workflow does.
func run[Out any](r *rig, name string, in any) (out Out, err error) {
	r.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	var chosen any
	r.activities.Register(func(n string, f any) {
		if n == name {
			chosen = f
		}
	})
	require.NotNil(r, chosen, name)
	env.RegisterActivity(chosen)
	value, err := env.ExecuteActivity(chosen, in)
	if err == nil {
		require.NoError(r, value.Get(&out))
	}
	return out, err
}

func (r *rig) refuses(err error, kind fault.Kind) {
	r.Helper()
	require.Error(r, err)
	require.Equal(r, kind, fault.FromTemporal(err).Kind, "%v", err)
	for _, password := range r.server.seen {
		require.NotContains(r, err.Error(), password[:8])
	}
}

var op = operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "role/app", Target: "web-01"}, Owner: "instance/web-01"}

const ref = secret.Ref("secret://vault/kv/web-01/db#password")

var file = ConnectionFile{Path: "/etc/shop/db.conf", Owner: "root:app", Mode: "0640"}

func makeRole() MakeRoleInput {
	return MakeRoleInput{Op: op, Role: Role{Name: "app", Database: "shop", Access: Owner}, Secret: ref}
}

// TestAPasswordIsKeptBeforeItIsUsed, and an attempt that follows uses the same one.
func TestAPasswordIsKeptBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.server.fail = 1
	_, err := run[MakeRoleOutput](r, activityMakeRole, makeRole())
	r.refuses(err, fault.Ambiguous)
	require.Equal(t, 1, r.store.kept)
	made, err := run[MakeRoleOutput](r, activityMakeRole, makeRole())
	require.NoError(t, err)
	require.Equal(t, r.store.newest, made.Version)
	require.Equal(t, 1, r.store.kept)
	require.Len(t, r.server.seen, 2)
	require.Equal(t, r.server.seen[0], r.server.seen[1])
	require.Regexp(t, `^[A-Za-z0-9]{40}$`, r.server.seen[0])

	rotate := SetPasswordInput{Op: op, Role: "app", Secret: ref, After: made.Version}
	rotate.Op.Key.Step = "rotate"
	set, err := run[SetPasswordOutput](r, activitySetPassword, rotate)
	require.NoError(t, err)
	require.NotEqual(t, made.Version, set.Version)
	require.NotEqual(t, r.server.seen[0], r.server.seen[2])
	rotate.Op.Key.Step = "rotate/again"
	_, err = run[SetPasswordOutput](r, activitySetPassword, rotate)
	r.refuses(err, fault.Conflict)
	require.Len(t, r.server.seen, 3, "what is not kept is not used")

	_, err = run[DiscardPasswordOutput](r, activityDiscardPassword, DiscardPasswordInput{Op: op, Secret: ref})
	require.NoError(t, err)
	require.NotContains(t, r.store.values, made.Version)
}

func TestNoPasswordIsKeptForWhatIsRefused(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for _, spoil := range []func(*MakeRoleInput){
		func(in *MakeRoleInput) { in.Role.Name = "App" }, func(in *MakeRoleInput) { in.Role.Access = "all" },
		func(in *MakeRoleInput) { in.Role.Database = "mysql" }, func(in *MakeRoleInput) { in.Op.Owner = "" }, func(in *MakeRoleInput) { in.Op.Key.Run = "" },
		func(in *MakeRoleInput) { in.System = "other" },
	} {
		in := makeRole()
		spoil(&in)
		_, err := run[MakeRoleOutput](r, activityMakeRole, in)
		r.refuses(err, fault.Invalid)
	}
	_, err := run[SetPasswordOutput](r, activitySetPassword, SetPasswordInput{Op: op, Role: "root", Secret: ref})
	r.refuses(err, fault.Invalid)
	_, err = run[DiscardPasswordOutput](r, activityDiscardPassword, DiscardPasswordInput{Secret: ref})
	r.refuses(err, fault.Invalid)
	require.Zero(t, r.store.kept)
	require.Empty(t, r.server.seen)
}

func TestAConnectionIsWrittenProvenAndRemoved(t *testing.T) {
	t.Parallel()
	r := setup(t)
	made, err := run[MakeRoleOutput](r, activityMakeRole, makeRole())
	require.NoError(t, err)
	in := WriteConnectionInput{Op: op, File: file, Role: "app", Database: "shop", Secret: ref.At(made.Version)}
	_, err = run[WriteConnectionOutput](r, activityWriteConnection, in)
	require.NoError(t, err)
	require.Equal(t, r.server.seen[0]+"/etc/shop/db.conf.ca.pem", r.machine.files[file.Path].Text())
	require.Equal(t, "PEM", r.machine.files[file.Path+".ca.pem"].Text())
	proof, err := run[ProveOutput](r, activityProve, ProveInput{Client: Client{Name: "web-01"}, File: file, Access: Owner})
	require.NoError(t, err)
	require.Equal(t, []string{"/etc/shop/db.conf on web-01 has the mode 0640 and the owner root:app", "seen"}, proof.Lines)
	_, err = run[RemoveConnectionOutput](r, activityRemoveConnection, RemoveConnectionInput{Op: op, File: file})
	require.NoError(t, err)
	require.Empty(t, r.machine.files)
}

func TestConnectionsThatAreNotWritten(t *testing.T) {
	t.Parallel()
	r := setup(t)
	made, err := run[MakeRoleOutput](r, activityMakeRole, makeRole())
	require.NoError(t, err)
	for what, spoil := range map[string]func(*WriteConnectionInput){
		"no version": func(in *WriteConnectionInput) { in.Secret = ref }, "others may read": func(in *WriteConnectionInput) { in.File.Mode = "0644" },
		"no owner": func(in *WriteConnectionInput) { in.File.Owner = "" }, "a path that leads up": func(in *WriteConnectionInput) { in.File.Path = "/etc/../x" },
		"no role": func(in *WriteConnectionInput) { in.Role = "" }, "no database": func(in *WriteConnectionInput) { in.Database = "a;b" },
		"no operation": func(in *WriteConnectionInput) { in.Op = operation.Op{} }, "another entrance": func(in *WriteConnectionInput) { in.Entrance = "x" },
	} {
		in := WriteConnectionInput{Op: op, File: file, Role: "app", Database: "shop", Secret: ref.At(made.Version)}
		spoil(&in)
		_, err := run[WriteConnectionOutput](r, activityWriteConnection, in)
		require.Error(t, err, what)
		r.refuses(err, fault.Invalid)
	}
	require.Empty(t, r.machine.files)
}

func TestFilesThatProveNothing(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(*rig) fault.Kind{
		"others may read":    func(r *rig) fault.Kind { r.machine.mode = 0o644; return fault.Conflict },
		"another owner":      func(r *rig) fault.Kind { r.machine.owner = "root:apple"; return fault.Conflict },
		"no file":            func(r *rig) fault.Kind { delete(r.machine.files, file.Path); return fault.NotFound },
		"no certificates":    func(r *rig) fault.Kind { delete(r.machine.files, file.CA().Path); return fault.NotFound },
		"other certificates": func(r *rig) fault.Kind { r.server.ca = "OTHER"; return fault.Conflict },
		"a careless server":  func(r *rig) fault.Kind { r.server.fail = 1; return fault.Ambiguous },
	} {
		r := setup(t)
		r.machine.files[file.Path], r.machine.files[file.CA().Path] = secret.NewValue([]byte("fIrStPaSsWoRd0123456789")), secret.NewValue([]byte("PEM"))
		kind := spoil(r)
		_, err := run[ProveOutput](r, activityProve, ProveInput{File: file, Access: Owner})
		require.Error(t, err, what)
		r.refuses(err, kind)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	mine := MarkOf(op)
	require.Equal(t, mine, ParseMark(mine.String()))
	for _, text := range []string{"", "somebody's", "fermata", "fermata owner= key=x", "fermata key=x owner=y", mine.String() + " more", "x" + mine.String()} {
		require.False(t, ParseMark(text).Made(), text)
	}
	require.NoError(t, mine.Against(mine, "it"))
	require.NoError(t, mine.OwnedBy(op.Owner, "it"))
	for _, err := range []error{mine.Against(Mark{}, "it"), mine.Against(Mark{Key: "other", Owner: op.Owner}, "it"), mine.OwnedBy("instance/web-02", "it"), (Mark{}).OwnedBy("", "it")} {
		require.Equal(t, fault.Conflict, fault.KindOf(err))
	}
}

// FuzzNames: a name that is taken means nothing in SQL, in a file of options, or in a path.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"shop", "a'b", "a`", "pg_x", "x\n", "A", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, err := range []error{CheckDatabase(text), CheckRole(text)} {
			if err == nil {
				require.Regexp(t, `\A[a-z][a-z0-9_]*\z`, text)
			} else {
				require.True(t, fault.Is(err, fault.Invalid) && !errors.Is(err, context.Canceled))
			}
		}
	})
}
