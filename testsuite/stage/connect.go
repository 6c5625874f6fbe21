package stage

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/decision"
	"fermata/sandbox"
)

// Connect is a stage without a sandbox of its own: a client, and the two people of the sandbox that runs elsewhere on
// this folder. It waits until that sandbox answers.
func Connect(t *testing.T, folder string) *Stage {
	t.Helper()
	s := &Stage{Folder: folder}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.connect(t, filepath.Join(folder, "fermata.yaml"), sandbox.People{
		RequesterKey: filepath.Join(folder, "people", "requester"), ApproverKey: filepath.Join(folder, "people", "approver"),
	})
	return s
}

// connect waits for Temporal, which may just be starting in a process of its own.
func (s *Stage) connect(t *testing.T, installation string, people sandbox.People) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		s.Client, err = dial(t, installation)
		require.NoError(c, err)
	}, Patience, 100*time.Millisecond)
	s.Requester = person(t, sandbox.Requester, people.RequesterKey)
	s.Approver = person(t, sandbox.Approver, people.ApproverKey)
}

func dial(t *testing.T, installation string) (*client.Client, error) {
	t.Helper()
	cfg, err := config.Load(installation)
	if err != nil {
		return nil, err
	}
	options, err := client.FromConfig(t.Context(), cfg, providers.Keys, nil)
	if err != nil {
		return nil, err
	}
	return client.Dial(t.Context(), options)
}

func person(t *testing.T, name, key string) client.Person {
	t.Helper()
	signer, err := decision.SignerFromFile(key, nil)
	require.NoError(t, err)
	return client.Person{Name: name, Signer: signer}
}
