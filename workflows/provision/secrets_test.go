package provision

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/secret"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// shelf stands for the secrets that the guests' worker can read.
type shelf struct {
	current   string   // Version of every secret now; empty: the provider has none.
	destroyed string   // A version that is gone.
	old       bool     // The worker is of a build that tells no versions.
	checked   []string // References that Check was asked for, in order.
	read      []string // References that the steps resolve.
}

func (s *shelf) Resolve(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	_, err := s.Pin(ctx, ref)
	return secret.Value{}, err
}

func (s *shelf) Pin(_ context.Context, ref secret.Ref) (string, error) {
	version := ref.Version()
	if version == "" {
		version = s.current
	}
	if version != "" && version == s.destroyed {
		return "", fault.New(fault.NotFound, "version %s of %s is destroyed", version, ref)
	}
	return version, nil
}

func (e *world) registerSecrets(r func(string, any)) {
	r("guest.Check", func(ctx context.Context, in guest.CheckInput) (guest.CheckOutput, error) {
		for _, ref := range in.Secrets {
			e.shelf.checked = append(e.shelf.checked, string(ref))
		}
		pinned, err := secret.PinAll(ctx, e.shelf, in.Secrets)
		if err != nil {
			return guest.CheckOutput{}, fault.ForTemporal(err)
		}
		if e.shelf.old {
			pinned = nil
		}
		return guest.CheckOutput{Secrets: pinned}, e.did("guest.Check", nil)
	})
	keep := func(files []spec.File) {
		for _, f := range files {
			if f.Secret != "" {
				e.shelf.read = append(e.shelf.read, f.Secret)
			}
		}
	}
	r("guest.ConfigureSystem", func(_ context.Context, in guest.ConfigureSystemInput) (guest.ConfigureSystemOutput, error) {
		keep(in.Request.OS.Files)
		return guest.ConfigureSystemOutput{}, e.did("guest.ConfigureSystem", nil)
	})
	r("guest.InstallApplication", func(_ context.Context, in guest.InstallApplicationInput) (guest.InstallApplicationOutput, error) {
		keep(in.Request.Files)
		return guest.InstallApplicationOutput{}, e.did("guest.InstallApplication", nil)
	})
}

const (
	systemSecret      = "secret://vault/kv/web-01/db#password"
	applicationSecret = "secret://vault/kv/web-01/tls#key"
)

// secretive gives the server a secret of the system and one of the application, and its files no other.
func secretive(s *spec.Server) {
	s.Spec.OS.Files = []spec.File{{Path: "/etc/motd", Content: "hello"}, {Path: "/etc/db", Secret: systemSecret}}
	s.Spec.Application.Config = []spec.File{{Path: "/etc/app/key", Secret: applicationSecret}}
}

func (b *bench) planSecrets(t *testing.T) []secret.Pinned {
	t.Helper()
	var plan wire.Plan
	require.NoError(t, json.Unmarshal(b.estate.records[0].Plan, &plan))
	return plan.Secrets
}

// A rotation between the plan and its second making changes neither the plan nor what is read.
func TestTheRunReadsThePinnedVersions(t *testing.T) {
	t.Parallel()
	b := setup(t, secretive)
	b.estate.shelf.current = "3"
	b.RegisterDelayedCallback(func() { b.estate.shelf.current = "4" }, time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Equal(t, []secret.Pinned{{Ref: systemSecret, Version: "3"}, {Ref: applicationSecret, Version: "3"}}, b.planSecrets(t))
	require.Equal(t, []string{systemSecret, applicationSecret, systemSecret + "@3", applicationSecret + "@3"}, b.estate.shelf.checked)
	require.Equal(t, []string{systemSecret + "@3", applicationSecret + "@3"}, b.estate.shelf.read)
}

func TestADestroyedVersionEndsTheRun(t *testing.T) {
	t.Parallel()
	b := setup(t, secretive)
	b.estate.shelf.current = "3"
	b.RegisterDelayedCallback(func() { b.estate.shelf.current, b.estate.shelf.destroyed = "4", "3" }, time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.carry(t)
	require.Equal(t, wire.PlanChanged, out.Outcome)
	require.Contains(t, b.estate.records[0].Reason, "version 3 of "+systemSecret+"@3 is destroyed")
	require.Empty(t, b.estate.shelf.read)
}

func TestASecretWithoutVersions(t *testing.T) {
	t.Parallel()
	b := setup(t, secretive)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Equal(t, []secret.Pinned{{Ref: systemSecret}, {Ref: applicationSecret}}, b.planSecrets(t))
	require.Equal(t, []string{systemSecret, applicationSecret}, b.estate.shelf.read)
}

// The worker of the guests is renewed while the run waits for its approval. What was planned without versions is carried
// out without.
func TestARunPlannedBeforeVersions(t *testing.T) {
	t.Parallel()
	b := setup(t, secretive)
	b.estate.shelf.current, b.estate.shelf.old = "3", true
	b.RegisterDelayedCallback(func() { b.estate.shelf.old = false }, time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.NotContains(t, string(b.estate.records[0].Plan), `"secrets"`)
	require.Equal(t, []string{systemSecret, applicationSecret}, b.estate.shelf.read)
}

// Only the worker of the guests was renewed when the run was planned: it told versions, and nobody was shown them.
func TestARunOfAnOlderBuildWithANewerWorkerOfGuests(t *testing.T) {
	t.Parallel()
	b := setup(t, secretive)
	b.estate.shelf.current = "3"
	b.OnGetVersion(pinSecrets, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.NotContains(t, string(b.estate.records[0].Plan), `"secrets"`)
	require.Equal(t, []string{systemSecret, applicationSecret}, b.estate.shelf.read)
}

func TestAVersionThatTheSpecNames(t *testing.T) {
	t.Parallel()
	b := setup(t, secretive, func(s *spec.Server) { s.Spec.OS.Files[1].Secret = systemSecret + "@2" })
	b.estate.shelf.current = "3"
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Equal(t, []secret.Pinned{{Ref: systemSecret + "@2", Version: "2"}, {Ref: applicationSecret, Version: "3"}}, b.planSecrets(t))
	require.Equal(t, []string{systemSecret + "@2", applicationSecret + "@3"}, b.estate.shelf.read)
}

func TestTheHashCoversVersions(t *testing.T) {
	t.Parallel()
	of := func(version string) string {
		hash, err := wire.Plan{Secrets: []secret.Pinned{{Ref: systemSecret, Version: version}}}.Hash()
		require.NoError(t, err)
		return hash
	}
	require.NotEqual(t, of("3"), of("4"))
	none, err := wire.Plan{}.Hash()
	require.NoError(t, err)
	require.NotEqual(t, none, of(""))
}
