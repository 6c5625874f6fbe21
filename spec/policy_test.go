package spec_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

// governed is a policy that uses every field. The tests of bad policies each spoil one place of it.
const governed = `apiVersion: fermata/v1
kind: Policy
metadata:
  name: plant
spec:
  groups:
    operators:
      members: ["*@ops.example", "!intern@ops.example"]
      notify:
        - {system: mail, to: ops@ops.example}
    security: {members: [eve@sec.example], notify: [{system: hooks}]}
    managers: {members: [max@example]}
    robots: {members: ["*@machines.example"]}
  machines: ["*@machines.example"]
  automation: {stop: [operators, security], resume: [managers]}
  rules:
    - name: production
      match: {kinds: ["*Server"], environments: [production, "pre-*"], sites: [berlin]}
      may: {start: [operators, robots], approve: [operators, security], operate: [operators], purge: [managers]}
      approval: {quorum: 2, fourEyes: true, deadline: 8h, escalate: {after: 4h, to: [managers]}}
      emergency: {by: [security], review: [managers], within: 24h}
    - name: night
      change: standard
      may: {start: [robots]}
      match: {environments: [lab]}
  limits:
    - {name: hourly, match: {environments: [production]}, changesPerHour: 5}
    - name: width
      targetsPerRun: 3
`

// smallest is about the least that a policy can say.
const smallest = `apiVersion: fermata/v1
kind: Policy
metadata: {name: lab}
spec:
  groups: {people: {members: ["*@lab.example"]}}
  rules: [{name: all, may: {start: [people], approve: [people]}}]
`

func TestBadPolicies(t *testing.T) {
	t.Parallel()
	for _, bad := range badPolicies {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			policy, err := spec.ParsePolicy("bad.yaml", []byte(spoil(t, governed, bad.old, bad.text)))
			require.Nil(t, policy)
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			want := make([]string, len(bad.want))
			for i, line := range bad.want {
				want[i] = "bad.yaml:" + line
			}
			require.Equal(t, want, strings.Split(err.Error(), "\n"))
		})
	}
}

func TestAPolicyOfEveryField(t *testing.T) {
	t.Parallel()
	p, err := spec.ParsePolicy("policy.yaml", []byte(governed))
	require.NoError(t, err)
	never := true
	require.Equal(t, spec.PolicySpec{
		Groups: map[string]spec.Group{
			"operators": {Members: []string{"*@ops.example", "!intern@ops.example"}, Notify: []spec.Address{{System: "mail", To: "ops@ops.example"}}},
			"security":  {Members: []string{"eve@sec.example"}, Notify: []spec.Address{{System: "hooks"}}},
			"managers":  {Members: []string{"max@example"}},
			"robots":    {Members: []string{"*@machines.example"}},
		},
		Machines:   []string{"*@machines.example"},
		Automation: spec.Automation{Stop: []string{"operators", "security"}, Resume: []string{"managers"}},
		Rules: []spec.PolicyRule{
			{
				Name:  "production",
				Match: spec.Match{Kinds: []string{"*Server"}, Environments: []string{"production", "pre-*"}, Sites: []string{"berlin"}},
				May: map[string][]string{
					"start": {"operators", "robots"}, "approve": {"operators", "security"}, "operate": {"operators"}, "purge": {"managers"},
				},
				Approval: spec.Approval{
					Quorum: 2, FourEyes: &never, Deadline: hours(8), Escalate: &spec.Escalation{After: hours(4), To: []string{"managers"}},
				},
				Emergency: &spec.Emergency{By: []string{"security"}, Review: []string{"managers"}, Within: hours(24)},
			},
			{Name: "night", Change: spec.ChangeStandard, May: map[string][]string{"start": {"robots"}}, Match: spec.Match{Environments: []string{"lab"}}},
		},
		Limits: []spec.Limit{
			{Name: "hourly", Match: spec.Match{Environments: []string{"production"}}, ChangesPerHour: 5},
			{Name: "width", TargetsPerRun: 3},
		},
	}, p.Spec)
}

func hours(n int) spec.Duration { return spec.Duration(n) * spec.Duration(time.Hour) }

func TestGoodPolicies(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"as it is":                    {"", ""},
		"the most people":             {"quorum: 2", "quorum: 20"},
		"whoever asked may approve":   {"fourEyes: true", "fourEyes: false"},
		"no deadline":                 {"deadline: 8h, ", ""},
		"escalation just before":      {"after: 4h", "after: 7h59m59s"},
		"a command that nobody gives": {"purge: [managers]", "purge: []"},
		"a rule for nobody":           {"may: {start: [robots]}", "may: {}"},
		"a normal change by name":     {"change: standard", "change: normal"},
		"no machines":                 {`machines: ["*@machines.example"]`, "machines: []"},
		"everybody may stop":          {"  automation: {stop: [operators, security], resume: [managers]}\n", ""},
		"who stops resumes":           {", resume: [managers]", ""},
		"a mark of interrogation":     {"[max@example]", `["m?x@example"]`},
		"two marks":                   {"[max@example]", `["!!max@example"]`},
		"what is left out":            {"sites: [berlin]", `sites: ["*", "!berlin"]`},
		"labels":                      {"name: plant", "name: plant\n  site: berlin\n  labels: {team: ops}"},
		"the lowest limit":            {"changesPerHour: 5", "changesPerHour: 1"},
		"the highest limit":           {"targetsPerRun: 3", "targetsPerRun: 1000000"},
		"both limits":                 {"targetsPerRun: 3", "targetsPerRun: 3\n      changesPerHour: 2"},
		"a limit as a rule is named":  {"name: hourly", "name: production"},
		"an alias":                    {"members: [max@example]", "members: &m [max@example]"},
		"every command":               {"may: {start: [robots]}", "may: {" + strings.Join(spec.PolicyCommands(), ": [robots], ") + ": [robots]}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(governed, change[0], change[1], 1)
			require.Equal(t, change[0] == change[1], text == governed)
			requireGoodPolicy(t, text)
		})
	}
}

func requireGoodPolicy(t *testing.T, text string) *spec.Policy {
	t.Helper()
	p, err := spec.ParsePolicy("good.yaml", []byte(text))
	require.NoError(t, err)
	requireSamePolicy(t, p)
	require.NoError(t, validate(t, spec.KindPolicy, text))
	return p
}

func requireSamePolicy(t *testing.T, p *spec.Policy) {
	t.Helper()
	text, err := json.Marshal(p)
	require.NoError(t, err)
	var back spec.Policy
	require.NoError(t, json.Unmarshal(text, &back))
	again, err := json.Marshal(back)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again)) // An empty list is left out: nil and empty are one.
}

func TestTheSmallestPolicy(t *testing.T) {
	t.Parallel()
	p := requireGoodPolicy(t, smallest)
	require.Equal(t, []spec.PolicyRule{{Name: "all", May: map[string][]string{"start": {"people"}, "approve": {"people"}}}}, p.Spec.Rules)
	require.Empty(t, p.Spec.Limits)
}

func TestTheExampleOfAPolicy(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../examples/policy.yaml")
	require.NoError(t, err)
	requireGoodPolicy(t, string(data))
}

// Check finds the kind by itself.
func TestDocumentsOfAnyKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, what, problem string }{
		{full, "server/web-01", ""},
		{governed, "policy/plant", ""},
		{strings.Replace(full, "cpus: 2", "cpus: 0", 1), "", "f:10:11: spec.compute.cpus: expected a whole number from 1 to 768, found 0"},
		{strings.Replace(governed, "quorum: 2", "quorum: 0", 1), "", "f:20:26: spec.rules[0].approval.quorum: expected a whole number from 1 to 20, found 0"},
		{strings.Replace(governed, "kind: Policy", "kind: Polcy", 1), "", `f:2:7: kind: expected Server, Instance, Policy or Fleet, found "Polcy"; did you mean "Policy"?`},
		{strings.Replace(governed, "kind: Policy\n", "", 1), "", `f:1:1: kind: expected the field "kind" with the value Server, Instance, Policy or Fleet, found none`},
		{strings.Replace(governed, "kind: Policy", "kind: [Policy]", 1), "", "f:2:7: kind: expected Server, Instance, Policy or Fleet, found a list"},
		{governed + "---\n" + full, "", "expected one document, found another"},
		{"", "", "f:1:1: expected a document, found an empty file"},
		{"- a\n", "", "f:1:1: expected a mapping with apiVersion, kind, metadata and spec, found a list"},
		{"kind: &k [*k]\n", "", "f:1:1: apiVersion: expected the field"},
	} {
		what, err := spec.Check("f", []byte(c.text))
		require.Equal(t, c.what, what)
		if c.problem == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.problem)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(governed))
	f.Add([]byte(smallest))
	f.Add([]byte("apiVersion: fermata/v1\nkind: Policy\nspec: &s {groups: {a: *s}, rules: [*s]}\n"))
	f.Add([]byte("apiVersion: fermata/v1\nkind: Policy\nspec: {groups: {a.b[0]: {members: [!!str 7]}}, rules: [{may: {a.b: [c]}}], limits: [{}]}\n"))
	for _, bad := range badPolicies {
		f.Add([]byte(strings.Replace(governed, bad.old, bad.text, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		policy, err := spec.ParsePolicy("f", data)
		if err != nil {
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			require.NotEmpty(t, problems)
			return
		}
		requireSamePolicy(t, policy)
		for _, rule := range policy.Spec.Rules {
			for command, groups := range rule.May {
				require.Contains(t, spec.PolicyCommands(), command)
				for _, name := range groups {
					require.Contains(t, policy.Spec.Groups, name)
				}
			}
		}
	})
}
