package ansible

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations"
	"fermata/integrations/ansible"
	"fermata/integrations/sshx"
	"fermata/testsuite/bed/machine"
)

// workerMark makes the test's own program a worker that runs one play: another process that can be killed.
const workerMark = "FERMATA_BED_PLAY"

// order is what such a worker does; it reads it on its standard input.
type order struct {
	Project, Playbook string
	Key               []byte
	Host              configuration.Host
	Op                operation.Op
}

// vault has one private key, and says nothing else.
type vault []byte

func (v vault) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue(v), nil
}

func work() error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	r, err := ansible.New(ansible.Config{Project: o.Project, Key: "secret://bed/key"}, integrations.Environment{Secrets: vault(o.Key)})
	if err != nil {
		return err
	}
	_, err = r.Apply(context.Background(), o.Op, o.Host, configuration.Play{Playbook: o.Playbook}, nil, &operation.Memory{})
	return err
}

func opOf(run string) operation.Op {
	return operation.Op{Key: operation.Key{Run: run, Step: "configuration/site", Target: "web-01"}, Owner: "server/web-01"}
}

// there reports whether a file is on the guest.
func (d *debian) there(t *testing.T, path string) bool {
	t.Helper()
	return d.Root(t, "if [ -e "+path+" ]; then echo yes; fi") == "yes\n"
}

func (d *debian) until(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 3*time.Minute, 50*time.Millisecond)
}

// TestAKilledWorker: what it started goes on to the end of its task and no further, and nobody else plays meanwhile.
func TestAKilledWorker(t *testing.T) {
	t.Parallel()
	d := newLab(t).boot(t, setupOf())
	program, err := os.Executable()
	require.NoError(t, err)
	given, err := json.Marshal(order{Project: d.project, Playbook: "slow.yml", Key: d.lab.private, Host: d.Host(), Op: opOf("01K0000000000000000000DEAD")})
	require.NoError(t, err)
	worker := exec.Command(program) //nolint:gosec,noctx // This program; it is killed below.
	worker.Env = append(os.Environ(), workerMark+"=yes")
	var said bytes.Buffer
	worker.Stdin, worker.Stderr = bytes.NewReader(given), &said
	require.NoError(t, worker.Start())
	t.Cleanup(func() { _ = worker.Process.Kill() })
	d.until(t, func() bool { return d.there(t, "/run/playing") })
	require.NoError(t, worker.Process.Kill())
	_ = worker.Wait()

	_, err = d.Runner(t, time.Second).Apply(t.Context(), opOf("01K0000000000000000000NEXT"), d.Host(), configuration.Play{Playbook: "slow.yml"}, nil, &operation.Memory{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "01K0000000000000000000DEAD/configuration.site/web-01 holds its lock")

	d.Root(t, ": > /run/go")
	d.until(t, func() bool { return d.Root(t, "flock -n /run/lock/fermata.lock echo free || true") == "free\n" })
	require.False(t, d.there(t, "/srv/behind"), "the play of the killed worker ended with its task")
	did, err := d.Runner(t, time.Minute).Apply(t.Context(), opOf("01K0000000000000000000NEXT"), d.Host(), configuration.Play{Playbook: "slow.yml"}, nil, &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, 2, did.Recap.Changed)
	require.True(t, d.there(t, "/srv/behind"))
	left, err := filepath.Glob("/dev/shm/fermata-ansible-*")
	require.NoError(t, err)
	for _, folder := range left { // Whose worker was killed: the next one to start has swept it away.
		data, err := os.ReadFile(filepath.Join(folder, "inventory.json"))
		require.False(t, err == nil && strings.Contains(string(data), fmt.Sprint(d.Host().Port)) && len(running(t, folder)) == 0, "%s was left", folder)
	}
}

// running are the processes whose command line or environment holds a text.
func running(t *testing.T, text string) (found []string) {
	t.Helper()
	for _, what := range []string{"cmdline", "environ"} {
		files, err := filepath.Glob("/proc/[0-9]*/" + what)
		require.NoError(t, err)
		for _, file := range files {
			if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), text) { // Others end meanwhile.
				found = append(found, file+": "+strings.ReplaceAll(string(data), "\x00", " "))
			}
		}
	}
	return found
}

// TestSecretsAreNowhere: while a play that uses a secret runs, no process has it in its arguments or environment, and no
// file of the worker or the guest has it.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	const canary = "cAnaRy-5ecr3t-of-plays"
	d := newLab(t).boot(t, setupOf())
	ended := make(chan error, 1)
	said := &operation.Memory{}
	var did configuration.Applied
	r := d.Runner(t, time.Minute)
	go func() {
		var err error
		did, err = r.Apply(t.Context(), opOf("01K0000000000000000000RUN1"), d.Host(), configuration.Play{Playbook: "secretive.yml"},
			configuration.Values{"password": secret.NewValue([]byte(canary))}, said)
		ended <- err
	}()
	d.until(t, func() bool { return d.there(t, "/run/playing") })
	require.Empty(t, running(t, canary))
	room := d.room(t)
	for _, folder := range []string{room, d.project, filepath.Join(d.machine.Folder(), "upper"), d.machine.Path("/tmp"), d.machine.Path("/run")} {
		require.Empty(t, holding(t, folder, canary), folder)
		require.Empty(t, holding(t, folder, string(d.lab.private)[240:280]), "the private key is in %s", folder)
	}
	info, err := os.Stat(room)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	d.Root(t, ": > /run/go")
	require.NoError(t, <-ended)
	require.NoDirExists(t, room)
	require.Empty(t, running(t, room), "something of the play goes on")
	told := fmt.Sprint(did, said.Texts())
	require.NotContains(t, told, canary)
	require.Contains(t, told, "hold ******", "a task's name that quotes it is hidden")
	require.Equal(t, canary+"\n", d.Root(t, "cat /run/length"), "the task had it")
}

// room is the folder of the play that is running against this guest.
func (d *debian) room(t *testing.T) string {
	t.Helper()
	rooms, err := filepath.Glob("/dev/shm/fermata-ansible-*/ssh_config")
	require.NoError(t, err)
	for _, file := range rooms {
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), fmt.Sprintf("Port %d\n", d.Host().Port)) {
			return filepath.Dir(file)
		}
	}
	require.Fail(t, "no room is this play's")
	return ""
}

// holding are the files below a folder that have a text in them.
func holding(t *testing.T, folder, text string) (found []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // What is removed meanwhile holds nothing.
		}
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), text) {
			found = append(found, path)
		}
		return nil
	}))
	return found
}

// TestThroughAJumpHost: every host on the way is recognised by its key.
func TestThroughAJumpHost(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	jump, d := l.boot(t, setupOf()), l.boot(t, setupOf())
	behind := d.Host()
	behind.Address, behind.Port = strings.TrimSuffix(d.machine.SSH(), ":22"), 22 // As the jump host sees it.
	way := &sshx.Config{Address: jump.gate.Address(), User: machine.User, HostKeys: []string{jump.key}}
	r := d.runner(t, ansible.Config{Jump: way})
	require.NoError(t, r.Check(t.Context()))
	did, err := r.Apply(t.Context(), opOf("01K0000000000000000000RUN1"), behind, configuration.Play{Playbook: "restless.yml"}, nil, &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, 1, did.Recap.Changed)
	require.True(t, d.there(t, "/srv/again"))

	known := filepath.Join(t.TempDir(), "known_hosts")
	host, port, _ := strings.Cut(jump.gate.Address(), ":")
	require.NoError(t, os.WriteFile(known, []byte("["+host+"]:"+port+" "+jump.key+"\n"), 0o600))
	byFile := d.runner(t, ansible.Config{Jump: &sshx.Config{Address: jump.gate.Address(), User: machine.User, KnownHosts: known}})
	_, err = byFile.Preview(t.Context(), behind, configuration.Play{Playbook: "restless.yml"}, nil, &operation.Memory{})
	require.NoError(t, err)

	other := d.runner(t, ansible.Config{Jump: &sshx.Config{Address: jump.gate.Address(), User: machine.User, HostKeys: []string{d.key}}})
	_, err = other.Apply(t.Context(), opOf("01K0000000000000000000RUN1"), behind, configuration.Play{Playbook: "restless.yml"}, nil, &operation.Memory{})
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
	require.Error(t, other.Check(t.Context()))
}
