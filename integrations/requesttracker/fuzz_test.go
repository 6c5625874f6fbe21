package requesttracker

import (
	"encoding/json"
	"testing"
)

// FuzzAnswers: whatever the desk answers is read or refused.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"items":[{"id":"7","Subject":"x","Status":"open","Queue":{"Name":"q"},"CustomFields":[{"name":"Fermata Key","values":["k"]}]}]}`))
	f.Add([]byte(`{"items":[{"Type":"Comment","type":"transaction","Data":"note"}]}`))
	f.Add([]byte(`{"id":7,"Disabled":"0","TicketCustomFields":[{"name":"Fermata Key"}],"_hyperlinks":[{"ref":"create"}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var page ticketPage
		if json.Unmarshal(data, &page) == nil {
			for _, t := range page.Items {
				_ = t.field("Fermata Key")
			}
		}
		var history transactionPage
		_ = json.Unmarshal(data, &history)
		var made created
		_ = json.Unmarshal(data, &made)
		var q queue
		if json.Unmarshal(data, &q) == nil {
			_, _ = q.takesTickets(), q.has("Fermata Key")
		}
	})
}
