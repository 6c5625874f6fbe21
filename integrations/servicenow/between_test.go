package servicenow_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/ticketing"
	"fermata/activities/ticketing/ticketingtest"
	"fermata/integrations/servicenow"
)

// TestChangeInBetween: a person moves the ticket between the reading and the writing. The walk goes on from where it is
// then, to the same end; what the person ended stays ended.
func TestChangeInBetween(t *testing.T) {
	t.Parallel()
	for moved, want := range map[string]fault.Kind{"-2": "", "-1": "", "3": "", "4": fault.Conflict} {
		b := setup(t, servicenow.Normal, nil)
		op := ticketingtest.Op()
		ticket, err := b.good(t).EnsureTicket(t.Context(), op, request())
		require.NoError(t, err)
		once := true
		c := b.config("fermata")
		c.URL = b.between(t, func(r *http.Request) {
			if r.Method == http.MethodPatch && once {
				once = false
				_ = b.server.Move(ticket.ID, moved)
			}
		})
		got, err := desk(t, c, goodPassword).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
		require.Equal(t, want, fault.KindOf(err), "%s: %v", moved, err)
		if want == "" {
			require.Equal(t, ticketing.Resolved, got.Status)
		} else {
			require.Equal(t, moved, b.server.Tickets()[0].Fields["state"])
		}
	}
}

// between passes requests on to the emulator after f has seen them.
func (b bench) between(t *testing.T, f func(*http.Request)) string {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(r)
		out, err := http.NewRequestWithContext(r.Context(), r.Method, b.server.URL()+r.URL.String(), r.Body)
		if err != nil {
			panic(err)
		}
		out.Header = r.Header
		resp, err := http.DefaultClient.Do(out)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(front.Close)
	return front.URL
}
