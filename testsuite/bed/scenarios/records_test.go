package scenarios

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/client"
	"fermata/testsuite/judge"
	"fermata/testsuite/people"
)

// told: the ticket of a run that ended well says who asked, who approved, what was planned and what was done.
func (b *story) told(t *testing.T) {
	s := b.five[0]
	p := b.Done(t, s.Started)
	ticket := b.estate.ticket(t, s.Run)
	require.Equal(t, "resolved", ticket.Status)
	require.Equal(t, "Changes", ticket.Queue)
	require.Equal(t, "Web server web-01 for the storefront", ticket.Subject)
	require.Equal(t, "fermata", ticket.Creator)
	require.Equal(t, b.Requester.Name, ticket.Requestor)
	require.Equal(t, "server/web-01", ticket.Fields["Fermata Owner"])
	require.Contains(t, ticket.Text, "run "+s.Run+", asked for by "+b.Requester.Name)
	require.Contains(t, ticket.Text, "Plan "+p.Preview.Hash)
	notes := strings.Join(ticket.Notes, "\n")
	require.Contains(t, notes, "approve by "+b.Approver.Name)
	for _, change := range p.Preview.Plan.Changes {
		require.Contains(t, ticket.Text, "- "+change.Title+": ")
		if change.Step != "close" { // It writes the note.
			require.Contains(t, notes, "- "+change.Title+": done")
		}
	}
	require.Contains(t, notes, "answered 200: ok hello-web 1.2.0 web-0")
	require.NotContains(t, ticket.Text+notes, b.secret(t, "web-01-session-key"))
}

// forgotten: Temporal forgets a run; its record does not.
func (b *story) forgotten(t *testing.T) {
	s := b.five[0]
	admin, err := people.DialAs(t.Context(), b.config, b.certificates.Admin.Certificate, b.certificates.Admin.Key)
	require.NoError(t, err)
	defer admin.Close()
	_, err = admin.Temporal().WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: s.WorkflowID, RunId: s.RunID},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := b.Client.Progress(t.Context(), s.WorkflowID, s.RunID)
		return fault.Is(err, fault.NotFound)
	}, 30*time.Second, 50*time.Millisecond, "the history is there no more")

	out, err := b.Client.Records(t.Context(), record.FindInput{Run: s.Run}, true)
	require.NoError(t, err)
	require.Len(t, out.Entries, 1)
	require.Equal(t, len(b.five)+len(b.twenty), out.Verified)
	entries, err := (&judge.Judge{Folder: b.folder}).Chain()
	require.NoError(t, err)
	require.Len(t, entries, out.Verified)
	var kept record.Record
	require.NoError(t, json.Unmarshal(out.Entries[0].Record, &kept))
	require.Equal(t, "done", kept.Outcome)
	require.NotContains(t, string(out.Entries[0].Record), b.secret(t, "web-01-session-key"))
	b.checkSignatures(t, kept)
}

// checkSignatures lets OpenSSH say whose decisions a record holds.
func (b *bench) checkSignatures(t *testing.T, r record.Record) {
	t.Helper()
	var kept struct {
		Decisions []struct {
			Signed struct {
				Envelope  []byte
				Signature string
			}
		}
	}
	require.NoError(t, json.Unmarshal(r.Decisions, &kept))
	commands := map[string]string{}
	for _, d := range kept.Decisions {
		var envelope struct{ Person, Command, Run string }
		require.NoError(t, json.Unmarshal(d.Signed.Envelope, &envelope))
		require.Equal(t, r.Run, envelope.Run)
		signature := b.path("signature")
		require.NoError(t, os.WriteFile(signature, []byte(d.Signed.Signature), 0o600))
		cmd := exec.CommandContext(t.Context(), "ssh-keygen", "-Y", "verify", "-f", b.path("allowed_signers"), "-I", envelope.Person, "-n", "decision@fermata", "-s", signature)
		cmd.Stdin = strings.NewReader(string(d.Signed.Envelope))
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		commands[envelope.Command] = envelope.Person
	}
	require.Equal(t, map[string]string{"start": b.Requester.Name, "approve": b.Approver.Name}, commands)
}

// decommissioned: all servers are taken out of service, the one whose history is gone from its record. Nothing is left.
func (b *story) decommissioned(t *testing.T) {
	var leaving []server
	now := time.Duration(0)
	for _, s := range append(b.five, b.twenty...) {
		r, err := client.Decommission(s.name, &now)
		s.Started = b.Begin(t, r, err)
		leaving = append(leaving, s)
	}
	each(t, startedOf(leaving), b.Approve)
	for _, s := range leaving {
		b.Done(t, s.Started)
		require.Equal(t, "resolved", b.estate.ticket(t, s.Run).Status, s.name)
	}
	require.Equal(t, b.before, b.estate.holdings(t), "nothing is left")
	status, _, err := b.estate.get(t, "clients", balancerAddress, "/")
	require.NoError(t, err)
	require.Equal(t, 503, status)
	_, err = b.estate.net.Run(t.Context(), "edge", "", "ping", "-c", "1", "-W", "1", leaving[0].address)
	require.Error(t, err, "nobody is at its address")
}
