package ansible

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/configuration"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/spec"
)

// TestTheExample runs the project of examples/ansible with what the spec beside it gives.
func TestTheExample(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../examples/ansible/server.yaml")
	require.NoError(t, err)
	server, err := spec.Parse("server.yaml", data)
	require.NoError(t, err)
	require.Len(t, server.Spec.Configuration, 1)
	given := server.Spec.Configuration[0]
	play := configuration.Play{Playbook: given.Playbook, Variables: map[string]json.RawMessage{}}
	for _, name := range given.VariableNames() {
		play.Variables[name] = json.RawMessage(given.Variables[name])
	}
	values := configuration.Values{}
	for _, name := range given.SecretNames() {
		values[name] = secret.NewValue([]byte("cAnaRy-token-of-the-agent"))
	}

	d := newLab(t).boot(t, setupOf())
	require.NoError(t, os.RemoveAll(d.project))
	require.NoError(t, os.CopyFS(d.project, os.DirFS("../../../examples/ansible/project")))
	r := d.Runner(t, time.Minute)
	described, err := r.Describe(t.Context(), play)
	require.NoError(t, err)
	require.Equal(t, []string{
		"baseline : Greet who is about to log in", "baseline : Limit open files", "baseline : Give the agent its token",
	}, described.Tasks)
	play.Digest = described.Digest

	seen, err := r.Preview(t.Context(), d.Host(), play, values, &operation.Memory{})
	require.NoError(t, err)
	require.Contains(t, seen.Changes[0].Diff, "{{ this is text }} & nothing else")
	did, err := r.Apply(t.Context(), opOf("01K0000000000000000000RUN1"), d.Host(), play, values, &operation.Memory{})
	require.NoError(t, err)
	require.Equal(t, 4, did.Recap.Changed, "three tasks and the handler")
	require.Empty(t, did.Blind)
	require.Empty(t, did.Restless)
	require.Equal(t, "web-01: managed by Fermata for storefront@example.net\n{{ this is text }} & nothing else\n", d.Root(t, "cat /etc/issue"))
	require.Equal(t, "hello soft nofile 4096\nhello hard nofile 8192\n", d.Root(t, "cat /etc/security/limits.d/90-storefront.conf"))
	require.Equal(t, "cAnaRy-token-of-the-agent\n", d.Root(t, "cat /etc/storefront-token"))
	again, err := r.Apply(t.Context(), opOf("01K0000000000000000000RUN1"), d.Host(), play, values, &operation.Memory{})
	require.NoError(t, err)
	require.Empty(t, again.Changed)
}
