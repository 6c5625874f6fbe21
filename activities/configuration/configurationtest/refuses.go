package configurationtest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

func describeRefuses(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	for name, x := range map[string]struct {
		play configuration.Play
		text string
	}{
		"an unknown playbook":        {play("nonesuch.yml"), "not in the project"},
		"one outside the project":    {play("../other/site.yml"), "inside the project"},
		"an absolute path":           {play("/etc/passwd"), "inside the project"},
		"a path with a detour":       {play("./writes.yml"), "inside the project"},
		"no name":                    {play(""), "inside the project"},
		"a folder":                   {play("roles"), "folder"},
		"one with an error":          {play(Broken), Broken},
		"one without tasks":          {play(Empty), "no tasks"},
		"an unknown tag":             {configuration.Play{Playbook: Writes, Tags: []string{"nonesuch"}}, "no tasks"},
		"a tag that is an argument":  {configuration.Play{Playbook: Writes, Tags: []string{"--become"}}, "tag"},
		"another digest":             {configuration.Play{Playbook: Writes, Digest: strings.Repeat("0", 64)}, "changed"},
		"a variable of Ansible":      {configuration.Play{Playbook: Writes, Variables: map[string]json.RawMessage{"ansible_ssh_common_args": json.RawMessage(`"x"`)}}, "ansible_"},
		"a variable that is no name": {configuration.Play{Playbook: Writes, Variables: map[string]json.RawMessage{"a b": json.RawMessage(`1`)}}, "a b"},
		"a variable that is no JSON": {configuration.Play{Playbook: Writes, Variables: map[string]json.RawMessage{"a": json.RawMessage(`{`)}}, "JSON"},
	} {
		_, err := f.runner.Describe(t.Context(), x.play)
		require.Error(t, err, name)
		refuses(t, fault.Invalid, err, x.text)
	}
	link := filepath.Join(f.Project(), "link.yml")
	require.NoError(t, os.Symlink("/etc/passwd", link))
	_, err := f.runner.Describe(t.Context(), play(Writes))
	refuses(t, fault.Invalid, err, "link")
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Chmod(filepath.Join(f.Project(), Restless), 0o666)) //nolint:gosec // This is what is refused.
	_, err = f.runner.Describe(t.Context(), play(Writes))
	refuses(t, fault.Unauthorized, err, "chmod go-w")
	require.Error(t, f.runner.Check(t.Context()))
	require.NoError(t, os.RemoveAll(f.Project()))
	_, err = f.runner.Describe(t.Context(), play(Writes))
	refuses(t, fault.Invalid, err, "no such file")
}

func applyRefuses(t *testing.T, b Bench) {
	t.Run("by what the play says", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		for name, texts := range map[string][]string{
			Fails: {Breaks, "failed=1"}, Undefined: {"nobody_gave"}, Broken: {Broken}, Elsewhere: {"none of its plays"}, "nonesuch.yml": {"not in the project"},
		} {
			_, err := f.apply(name)
			refuses(t, fault.Invalid, err, texts...)
			if name != Fails && name != Undefined {
				_, err = f.preview(name)
				refuses(t, fault.Invalid, err, texts...)
			}
			f.free()
		}
		require.Equal(t, "no\n", f.Root(t, "if [ -e /srv/behind ]; then echo yes; else echo no; fi"), "nothing is done behind a task that fails")
		twice := configuration.Values{"text": secret.NewValue([]byte("x"))}
		_, err := f.runner.Apply(t.Context(), op(), f.Host(), play(Writes), twice, f.said)
		refuses(t, fault.Invalid, err, "given twice")
		binary := configuration.Values{"password": secret.NewValue([]byte{0xff, 0xfe})}
		_, err = f.runner.Apply(t.Context(), op(), f.Host(), play(Writes), binary, f.said)
		refuses(t, fault.Invalid, err, "no text")
		_, err = f.runner.Apply(t.Context(), op(), f.Host(), play(Writes), nil, f.said)
		refuses(t, fault.Invalid, err, "password")
	})
	t.Run("by what the host is", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		for name, change := range map[string]func(*configuration.Host){
			"no key":       func(h *configuration.Host) { h.Keys = nil },
			"no key, text": func(h *configuration.Host) { h.Keys = []string{"* ssh-ed25519 x"} },
			"no address":   func(h *configuration.Host) { h.Address = "-oProxyCommand=id" },
			"no account":   func(h *configuration.Host) { h.User = "-l" },
			"no name":      func(h *configuration.Host) { h.Name = "a b" },
		} {
			h := f.Host()
			change(&h)
			_, err := f.runner.Apply(t.Context(), op(), h, play(Writes), values(), f.said)
			require.Error(t, err, name)
			refuses(t, fault.Invalid, err)
		}
		f.ChangeHostKey(t)
		_, err := f.apply(Writes)
		refuses(t, fault.Unauthorized, err, "host key")
		_, err = f.preview(Writes)
		refuses(t, fault.Unauthorized, err, "host key")
		require.Equal(t, "no\n", f.Root(t, "if [ -e /srv/text ]; then echo yes; else echo no; fi"))
	})
	t.Run("a login that is refused", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{NoKey: true})
		_, err := f.apply(Writes)
		refuses(t, fault.Unauthorized, err, "authorized_keys")
	})
	t.Run("an account that may not become root", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{NoSudo: true})
		_, err := f.apply(Writes)
		refuses(t, fault.Unauthorized, err, "NOPASSWD")
	})
}

func trouble(t *testing.T, b Bench) {
	t.Run("a host that is down", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		f.SetDown(true)
		_, err := f.apply(Writes)
		refuses(t, fault.Unavailable, err)
		f.SetDown(false)
		_, err = f.apply(Writes)
		require.NoError(t, err)
	})
	t.Run("a connection that is lost", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		ended := f.background(t.Context(), Slow)
		f.playing()
		f.Cut()
		err := <-ended
		refuses(t, fault.Unavailable, err)
		// What runs on the guest goes on, and keeps the next play waiting.
		_, err = f.Runner(t, time.Second).Apply(t.Context(), op(), f.Host(), play(Writes), values(), f.said)
		refuses(t, fault.Unavailable, err, "holds")
		f.Root(t, ": > /run/go")
		did, err := f.apply(Slow)
		require.NoError(t, err)
		require.NotEmpty(t, did.Changed)
		require.Equal(t, "no\n", f.Root(t, "if [ -e /run/playing ]; then echo yes; else echo no; fi"))
	})
	t.Run("a run that is cancelled", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := f.background(ctx, Slow)
		f.playing()
		cancel()
		err := <-ended
		refuses(t, fault.Ambiguous, err)
		require.ErrorIs(t, err, context.Canceled)
		f.Root(t, ": > /run/go")
		_, err = f.apply(Writes)
		require.NoError(t, err)
		require.Equal(t, "no\n", f.Root(t, "if [ -e /srv/behind ]; then echo yes; else echo no; fi"), "the task behind was never begun")
		_, err = f.runner.Apply(ctx, op(), f.Host(), play(Writes), values(), f.said)
		require.ErrorIs(t, err, context.Canceled)
	})
}

// locks: one play at a time, and none beside another command of Fermata.
func locks(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	ended := f.background(t.Context(), Slow)
	f.playing()
	other := f.Runner(t, time.Second)
	_, err := other.Apply(t.Context(), op(), f.Host(), play(Writes), values(), &operation.Memory{})
	refuses(t, fault.Unavailable, err, "holds", op().Key.String())
	_, err = other.Preview(t.Context(), f.Host(), play(Writes), values(), &operation.Memory{})
	refuses(t, fault.Unavailable, err, "holds", op().Key.String())
	require.Equal(t, "no\n", f.Root(t, "if [ -e /srv/text ]; then echo yes; else echo no; fi"))
	waiting := f.background(t.Context(), Writes) // It has a minute.
	f.Root(t, ": > /run/go")
	require.NoError(t, <-ended)
	require.NoError(t, <-waiting)
	f.free()
	f.Root(t, "sh -c 'exec 8>>/run/lock/fermata.lock; flock 8; echo $$ > /run/holder; exec sleep 1000' >/dev/null 2>&1 & while ! [ -s /run/holder ]; do sleep 0.1; done")
	_, err = other.Apply(t.Context(), op(), f.Host(), play(Writes), values(), &operation.Memory{})
	refuses(t, fault.Unavailable, err, "another command")
	f.Root(t, "kill $(cat /run/holder); while ! flock -n /run/lock/fermata.lock true; do sleep 0.1; done")
	_, err = other.Apply(t.Context(), op(), f.Host(), play(Writes), values(), &operation.Memory{})
	require.NoError(t, err)
}
