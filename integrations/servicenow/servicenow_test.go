package servicenow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/ticketing"
	"fermata/activities/ticketing/ticketingtest"
	"fermata/integrations/servicenow"
	emulator "fermata/sandbox/estate/servicenow"
)

func request() ticketing.Request {
	return ticketing.Request{Queue: "Changes", Subject: "Provision server web-01", Text: "plan", Requester: "alice@example.net"}
}

func opened(t *testing.T, b bench) (ticketing.Ticket, emulator.Ticket) {
	t.Helper()
	ticket, err := b.good(t).EnsureTicket(t.Context(), ticketingtest.Op(), request())
	require.NoError(t, err)
	tickets := b.server.Tickets()
	require.Len(t, tickets, 1)
	return ticket, tickets[0]
}

func isKind(t *testing.T, want fault.Kind, err error, says ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fault.KindOf(err), "%v", err)
	for _, text := range says {
		require.ErrorContains(t, err, text)
	}
}

// TestKinds: each kind is what ServiceNow means by it, and people can read what is to be done.
func TestKinds(t *testing.T) {
	t.Parallel()
	for kind, prefix := range map[servicenow.Kind]string{
		servicenow.Normal: "CHG", servicenow.Standard: "CHG", servicenow.Emergency: "CHG", servicenow.Incident: "INC",
	} {
		b := setup(t, kind, nil)
		ticket, record := opened(t, b)
		require.True(t, strings.HasPrefix(ticket.ID, prefix))
		text := record.Fields["description"]
		if kind == servicenow.Standard {
			require.Empty(t, text, "the template's description stays")
			require.Len(t, record.Journal, 1)
			text = record.Journal[0].Value
		}
		require.Contains(t, text, "Requested by alice@example.net\n\nplan")
		if kind == servicenow.Incident {
			require.Equal(t, b.server.URL()+"/incident.do?sysparm_query=number%3D"+ticket.ID, ticket.Link)
		} else {
			require.Equal(t, string(kind), record.Fields["type"])
			require.Equal(t, b.server.URL()+"/change_request.do?sysparm_query=number%3D"+ticket.ID, ticket.Link)
		}
	}
}

// TestUnknownTemplate: a standard change without its template is opened as nothing else.
func TestUnknownTemplate(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Standard, func(o *emulator.Options) { o.Templates = nil })
	_, err := b.good(t).EnsureTicket(t.Context(), ticketingtest.Op(), request())
	isKind(t, fault.NotFound, err, "template")
	require.Empty(t, b.server.Tickets())
}

// TestApprovalIsMissing: a change stops where people have to approve it, and goes on from there.
func TestApprovalIsMissing(t *testing.T) {
	t.Parallel()
	for kind, waits := range map[servicenow.Kind]string{servicenow.Normal: "-4", servicenow.Emergency: "-3"} {
		b := setup(t, kind, func(o *emulator.Options) { o.Approvals = true })
		op := ticketingtest.Op()
		ticket, err := b.good(t).EnsureTicket(t.Context(), op, request())
		require.NoError(t, err)
		_, err = b.good(t).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
		isKind(t, fault.Conflict, err, "approval")
		require.Equal(t, waits, b.server.Tickets()[0].Fields["state"])
		require.NoError(t, b.server.Approve(ticket.ID))
		got, err := b.good(t).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
		require.NoError(t, err)
		require.Equal(t, ticketing.Resolved, got.Status)
		fields := b.server.Tickets()[0].Fields
		require.Equal(t, "successful", fields["close_code"])
		require.Contains(t, fields["close_notes"], op.Key.String())
	}
}

// TestReviewCannotBeCanceled, as "State model and transitions" says.
func TestReviewCannotBeCanceled(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	op := ticketingtest.Op()
	ticket, err := b.good(t).EnsureTicket(t.Context(), op, request())
	require.NoError(t, err)
	require.NoError(t, b.server.Move(ticket.ID, "0"))
	_, err = b.good(t).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Rejected)
	isKind(t, fault.Conflict, err, "Review")
	require.Equal(t, "0", b.server.Tickets()[0].Fields["state"])
}

// TestDoubleThatCannotBeCanceled: the older counts all the same, and the note says so.
func TestDoubleThatCannotBeCanceled(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	op := ticketingtest.Op()
	s := b.system()
	older := s.Foreign(t, "Changes", "a", op.Key.String(), op.Owner)
	younger := s.Foreign(t, "Changes", "b", op.Key.String(), op.Owner)
	require.NoError(t, b.server.Move(younger, "0"))
	for range 2 {
		ticket, err := b.good(t).EnsureTicket(t.Context(), op, request())
		require.NoError(t, err)
		require.Equal(t, older, ticket.ID)
	}
	require.Equal(t, "0", b.server.Tickets()[1].Fields["state"])
	require.Len(t, b.server.Tickets()[1].Journal, 1)
}

// TestKeyThatDoesNotShow: an instance leaves a field out that the user may not use, and searches for everything else.
func TestKeyThatDoesNotShow(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	keyless := b.desk(t, "keyless", "keyless-keyless")
	_, err := keyless.EnsureTicket(t.Context(), ticketingtest.Op(), request())
	isKind(t, fault.Unauthorized, err, "correlation_id")
	require.Len(t, b.server.Tickets(), 1)
	require.Equal(t, "4", b.server.Tickets()[0].Fields["state"], "it would never be found again")
	_, err = keyless.EnsureTicket(t.Context(), ticketingtest.Op(), request())
	isKind(t, fault.Unauthorized, err, "correlation_id")
	require.Len(t, b.server.Tickets(), 1, "another one is not opened: what the search returns gives it away")
}

// TestNoteThatDoesNotShow: a user that cannot see work notes would add them again and again.
func TestNoteThatDoesNotShow(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	op := ticketingtest.Op()
	blind := b.desk(t, "blind", "blind-blind-blind")
	ticket, err := blind.EnsureTicket(t.Context(), op, request())
	require.NoError(t, err)
	isKind(t, fault.Unauthorized, blind.EnsureNote(t.Context(), op, ticket.ID, "a", "text"), "sys_journal_field")
}

// TestNoteFitsItsField: the mark is not cut off with the text's end, and nothing is rendered as HTML.
func TestNoteFitsItsField(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	op := ticketingtest.Op()
	ticket, err := b.good(t).EnsureTicket(t.Context(), op, request())
	require.NoError(t, err)
	id := strings.Repeat("i", 128)
	for range 2 {
		require.NoError(t, b.good(t).EnsureNote(t.Context(), op, ticket.ID, id, "[code]<b>x</b>[/CODE]"+strings.Repeat("long ", 2000)))
	}
	journal := b.server.Tickets()[0].Journal
	require.Len(t, journal, 1)
	require.True(t, strings.HasSuffix(journal[0].Value, "[fermata note "+id+"]"))
	require.Contains(t, journal[0].Value, "(code)<b>x</b>(/CODE)")
}

// TestQueueThatIsAQuery: a queue's name comes from a spec, and ^ cannot be escaped in a query.
func TestQueueThatIsAQuery(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	for _, queue := range []string{
		"x^ORname=Changes", "Changes^active=true", "x^NQactive=true", "javascript:gs.getUserName()", " JavaScript:x", "a\nb", "Old", "changes", strings.Repeat("x", 300),
	} {
		isKind(t, fault.NotFound, b.good(t).Check(t.Context(), queue))
		r := request()
		r.Queue = queue
		_, err := b.good(t).EnsureTicket(t.Context(), ticketingtest.Op(), r)
		isKind(t, fault.NotFound, err)
	}
	require.Empty(t, b.server.Tickets())
}

// TestIDsThatAreQueries: a note's id and a ticket's number go into queries too.
func TestIDsThatAreQueries(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	op := ticketingtest.Op()
	ticket, err := b.good(t).EnsureTicket(t.Context(), op, request())
	require.NoError(t, err)
	for _, id := range []string{ticket.ID + "^ORactive=true", "X^NQnumber=" + ticket.ID, strings.ToLower(ticket.ID), "javascript:1"} {
		isKind(t, fault.Invalid, b.good(t).EnsureNote(t.Context(), op, id, "a", "x"))
		_, err := b.good(t).EnsureStatus(t.Context(), op, id, ticketing.Resolved)
		isKind(t, fault.Invalid, err)
	}
	for _, note := range []string{"a^ORelement=work_notes", "a^NQb", "javascript:x^"} {
		isKind(t, fault.Invalid, b.good(t).EnsureNote(t.Context(), op, ticket.ID, note, "x"))
	}
	require.Empty(t, b.server.Tickets()[0].Journal)
}

// TestTwoGroupsOfOneName: names of groups are not unique.
func TestTwoGroupsOfOneName(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, func(o *emulator.Options) {
		o.Groups = append(o.Groups, emulator.Group{ID: template, Name: "Changes"})
	})
	isKind(t, fault.Conflict, b.good(t).Check(t.Context(), "Changes"), "2 groups")
}

// TestItem: the ticket is linked with the target's item if there is exactly one.
func TestItem(t *testing.T) {
	t.Parallel()
	item := emulator.Item{ID: itemID, Class: "cmdb_ci_server", Name: "web-01"}
	other := emulator.Item{ID: template, Class: "cmdb_ci_server", Name: "web-02"}
	double := emulator.Item{ID: strictID, Class: "cmdb_ci_server", Name: "web-01"}
	for name, c := range map[string]struct {
		items []emulator.Item
		want  string
	}{
		"one": {[]emulator.Item{other, item}, itemID}, "none": {[]emulator.Item{other}, ""}, "no class": {nil, ""}, "two": {[]emulator.Item{item, double}, ""},
	} {
		b := setup(t, servicenow.Normal, func(o *emulator.Options) { o.Items = c.items })
		configured := b.config("fermata")
		configured.CIClass = "cmdb_ci_server"
		_, err := desk(t, configured, goodPassword).EnsureTicket(t.Context(), ticketingtest.Op(), request())
		require.NoError(t, err, name)
		require.Equal(t, c.want, b.server.Tickets()[0].Fields["cmdb_ci"], name)
	}
}

// TestLongNames: correlation_id has 100 characters; a longer key would be cut, and its ticket never be found.
func TestLongNames(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	op := ticketingtest.Op()
	op.Key.Target = strings.Repeat("x", 100-len(op.Key.String())+len(op.Key.Target))
	require.Len(t, op.Key.String(), 100)
	ticket, err := b.good(t).EnsureTicket(t.Context(), op, request())
	require.NoError(t, err)
	require.Equal(t, op.Key.String(), ticket.Key)
	op.Key.Target += "x"
	_, err = b.good(t).EnsureTicket(t.Context(), op, request())
	isKind(t, fault.Invalid, err, "100")
	require.Len(t, b.server.Tickets(), 1)
}
