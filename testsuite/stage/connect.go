package stage

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/sandbox"
	"fermata/sandbox/embedded"
	"fermata/testsuite/people"
)

// Connect is a stage without a sandbox of its own: a client, and the two people of the sandbox that runs elsewhere on
// this folder. It waits until that sandbox answers.
func Connect(t testing.TB, folder string) *Stage {
	t.Helper()
	s := &Stage{Folder: folder, Pair: people.Pair{Patience: patience}}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.connect(t, filepath.Join(folder, "fermata.yaml"), sandbox.People{
		RequesterKey: filepath.Join(folder, "people", "requester"), ApproverKey: filepath.Join(folder, "people", "approver"),
	})
	return s
}

// Admin is a client with the certificate of Temporal's admin, for what people's may not.
func (s *Stage) Admin(t testing.TB) *client.Client {
	t.Helper()
	files, err := embedded.Certificates(filepath.Join(s.Folder, "temporal"), sandbox.Namespace)
	require.NoError(t, err)
	c, err := people.DialAs(t.Context(), filepath.Join(s.Folder, "fermata.yaml"), files.Admin.Certificate, files.Admin.Key)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// connect waits for Temporal, which may just be starting in a process of its own.
func (s *Stage) connect(t testing.TB, installation string, keys sandbox.People) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		s.Client, err = people.Dial(t.Context(), installation)
		require.NoError(c, err)
	}, patience, 100*time.Millisecond)
	s.Requester = people.Person(t, sandbox.Requester, keys.RequesterKey)
	s.Approver = people.Person(t, sandbox.Approver, keys.ApproverKey)
}
