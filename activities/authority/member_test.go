package authority

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/decision"
	"fermata/spec"
)

type fixed struct{ p *decision.Policy }

func (f fixed) Policy(context.Context) (*decision.Policy, error) { return f.p, nil }

// governed is a policy under which a fleet needs one approval, and a server of production two.
const governed = `apiVersion: fermata/v1
kind: Policy
metadata: {name: test}
spec:
  groups:
    ops: {members: ["*@example"]}
    only-bob: {members: [bob@example]}
  rules:
    - name: fleets
      match: {kinds: [ProvisionFleet]}
      may: {start: [ops], approve: [ops], operate: [ops]}
      change: FLEETS
    - name: servers
      match: {kinds: [ProvisionServer]}
      may: {start: [ops], approve: [APPROVERS], operate: [ops]}
      change: SERVERS
      approval: {quorum: QUORUM}
`

type judging struct {
	people map[string]ssh.Signer
	policy *decision.Policy
	in     JudgeMemberInput
	now    time.Time
}

// judged is a good membership of the example's first server, under a policy; empty: no policy file.
func judged(t *testing.T, rules string) *judging {
	t.Helper()
	j := &judging{people: map[string]ssh.Signer{}, now: time.Now().UTC().Truncate(time.Second)}
	var lines strings.Builder
	for _, name := range []string{"alice@example", "bob@example", "carol@example"} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		j.people[name], err = ssh.NewSignerFromKey(key)
		require.NoError(t, err)
		lines.WriteString(name + " " + string(ssh.MarshalAuthorizedKey(j.people[name].PublicKey())))
	}
	j.signers(t, lines.String())
	if rules != "" {
		parsed, err := decision.ParseRules("policy.yaml", []byte(rules))
		require.NoError(t, err)
		j.policy.Rules = parsed
	}
	data, err := os.ReadFile("../../examples/fleet.yaml")
	require.NoError(t, err)
	fleet, err := spec.ParseFleet("fleet.yaml", data)
	require.NoError(t, err)
	m := Membership{Workflow: fleet.Owner(), Run: "01J00000000000000000000000", Gate: "approval", Nonce: decision.NewNonce()}
	m.Fleet, err = json.Marshal(fleet)
	require.NoError(t, err)
	server, err := fleet.Member(0)
	require.NoError(t, err)
	j.in.Document, err = json.Marshal(server)
	require.NoError(t, err)
	own, err := decision.Hash("plan")
	require.NoError(t, err)
	m.Planned = MemberPlan{Owner: "server/web-21", Hash: own, Summary: "10.20.0.21/24"}
	tree, leaves, err := NewMemberTree([]MemberPlan{m.Planned, {Owner: "server/web-22", Hash: own}})
	require.NoError(t, err)
	m.Proof = decision.TreeProof(leaves, 0)
	document, err := decision.Hash(m.Fleet)
	require.NoError(t, err)
	m.Plan, err = json.Marshal(map[string]any{"owner": m.Workflow, "document": document, "resolved": tree})
	require.NoError(t, err)
	j.in.Member, j.in.FleetKind, j.in.Kind, j.in.Hash = m, "ProvisionFleet", "ProvisionServer", own
	j.in.Member.Start = j.sign(t, "alice@example", decision.Start, decision.StartGate, document)
	return j
}

func (j *judging) signers(t *testing.T, lines string) {
	t.Helper()
	allowed, err := decision.ParseAllowedSigners(strings.NewReader(lines))
	require.NoError(t, err)
	rules := (*decision.Rules)(nil)
	if j.policy != nil {
		rules = j.policy.Rules
	}
	j.policy = &decision.Policy{Cluster: "test", Namespace: "default", Signers: allowed, Rules: rules}
}

func (j *judging) sign(t *testing.T, person string, c decision.Command, gate, hash string) decision.Signed {
	t.Helper()
	signed, err := decision.Sign(decision.Envelope{
		Version: decision.Version, Cluster: "test", Namespace: "default", WorkflowID: j.in.Member.Workflow, Run: j.in.Member.Run, Gate: gate,
		Nonce: j.in.Member.Nonce, Command: c, Hash: hash, Person: person, Issued: j.now, Expires: j.now.Add(time.Minute),
	}, j.people[person])
	require.NoError(t, err)
	return signed
}

func (j *judging) approve(t *testing.T, people ...string) {
	t.Helper()
	hash, err := decision.Hash(j.in.Member.Plan)
	require.NoError(t, err)
	for _, person := range people {
		j.in.Member.Approvals = append(j.in.Member.Approvals, j.sign(t, person, decision.Approve, "approval", hash))
	}
}

func (j *judging) judge(t *testing.T, after time.Duration) JudgeMemberOutput {
	t.Helper()
	out, err := NewActivities(fixed{j.policy}, func() time.Time { return j.now.Add(after) }).JudgeMember(t.Context(), j.in)
	require.NoError(t, err)
	return out
}

func rules(fleets, servers, quorum, approvers string) string {
	return strings.NewReplacer("FLEETS", fleets, "SERVERS", servers, "QUORUM", quorum, "APPROVERS", approvers).Replace(governed)
}

func TestAFleetIsNeverLaxerThanItsServers(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		rules  string
		people []string
		code   string
	}{
		"no policy file":                    {"", []string{"bob@example"}, ""},
		"enough for both":                   {rules("normal", "normal", "1", "ops"), []string{"bob@example"}, ""},
		"two for a server, one came":        {rules("normal", "normal", "2", "ops"), []string{"bob@example"}, CodeQuorum},
		"two for a server, two came":        {rules("normal", "normal", "2", "ops"), []string{"bob@example", "carol@example"}, ""},
		"two for a server, one came twice":  {rules("normal", "normal", "2", "ops"), []string{"bob@example", "bob@example"}, CodeQuorum},
		"two, of whom one asked":            {rules("normal", "normal", "2", "ops"), []string{"bob@example", "alice@example"}, CodeQuorum},
		"others approve a server":           {rules("normal", "normal", "1", "only-bob"), []string{"carol@example"}, CodeQuorum},
		"approved beforehand, both":         {rules("standard", "standard", "1", "ops"), nil, ""},
		"approved beforehand, a fleet only": {rules("standard", "normal", "1", "ops"), nil, CodeQuorum},
		"approved beforehand, servers only": {rules("normal", "standard", "1", "ops"), nil, CodeQuorum},
		"no rule for fleets":                {strings.Replace(rules("normal", "normal", "1", "ops"), "ProvisionFleet", "ProvisionNavy", 1), []string{"bob@example"}, decision.CodeNotAllowed},
		"no rule for such a server":         {strings.Replace(rules("normal", "normal", "1", "ops"), "kinds: [ProvisionServer]", "kinds: [ProvisionServer], environments: [production]", 1), []string{"bob@example"}, decision.CodeNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := judged(t, x.rules)
			j.approve(t, x.people...)
			out := j.judge(t, time.Second)
			require.Equal(t, x.code, out.Code, out.Reason)
			require.Equal(t, x.code == "", out.Accepted)
		})
	}
}

func TestWhatCountedOnceCountsOnlyAsLongAsThePolicyHolds(t *testing.T) {
	t.Parallel()
	j := judged(t, rules("normal", "normal", "1", "ops"))
	j.approve(t, "bob@example")
	out := j.judge(t, 48*time.Hour)
	require.True(t, out.Accepted, "a late wave: the signatures have expired since. %s", out.Reason)
	require.Equal(t, []string{"bob@example"}, out.Approvers)
	require.Equal(t, "alice@example", out.Requester)
	require.Equal(t, "servers", out.Terms.Rule, "the run goes on under the rule of servers")

	require.False(t, j.judge(t, -time.Hour).Accepted, "signed in the future")

	line := func(name string) string {
		return name + " " + string(ssh.MarshalAuthorizedKey(j.people[name].PublicKey()))
	}
	j.signers(t, line("alice@example"))
	out = j.judge(t, time.Second)
	require.Equal(t, CodeQuorum, out.Code, "who approved has left")
	j.signers(t, line("bob@example"))
	require.Equal(t, decision.CodeSigner, j.judge(t, time.Second).Code, "who asked has left")
}
