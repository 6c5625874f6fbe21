package servicenow

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQueries: what is not valid is left out, and ^OR widens what is found: clients have to guard against both.
func TestQueries(t *testing.T) {
	t.Parallel()
	b := start(t, options(t.TempDir()))
	for _, key := range []string{"a", "a", "B"} { // Nothing makes a correlation_id unique.
		b.made(t, "normal", `{"correlation_id":"`+key+`","description":"hidden `+key+`"}`)
	}
	for query, want := range map[string]string{
		"":                                           "123",
		"correlation_id=a":                           "12",
		"correlation_id=b":                           "",
		"correlation_id=x^ORcorrelation_id=B":        "3",
		"correlation_id=x^NQcorrelation_id=B":        "3",
		"correlation_id=a^number=CHG0030002":         "2",
		"correlation_id!=a":                          "3",
		"nope=x":                                     "123",
		"nope=x^correlation_id=B":                    "3",
		"correlation_id=a^ORDERBYDESCnumber":         "21",
		"descriptionLIKEdden B":                      "3",
		"numberSTARTSWITHCHG^numberENDSWITH1":        "1",
		"sys_created_by=javascript:gs.getUserName()": "123",
		"=": "123", "^^^": "123", "correlation_id": "123",
	} {
		require.Equal(t, want, b.numbers(t, "sysparm_query="+url.QueryEscape(query)), query)
	}
	require.Equal(t, "2", b.numbers(t, "sysparm_limit=1&sysparm_offset=1"))
	require.Empty(t, b.numbers(t, "sysparm_offset=9"))
	bob := b.as("bob", "bob-bob-bob")
	require.Equal(t, "123", bob.numbers(t, "sysparm_query=descriptionLIKEdden+B"), "bob may not read it, so it is no condition")
	require.NotContains(t, bob.ask(t, "GET", "/api/sn_chg_rest/change", "").text, "hidden")
}

// numbers are the last digits of the changes that are found.
func (b bench) numbers(t *testing.T, values string) (digits string) {
	t.Helper()
	got := b.ask(t, "GET", "/api/sn_chg_rest/change?"+values, "")
	require.Equal(t, 200, got.status, got.text)
	var answer struct {
		Result []struct {
			Number struct{ Value string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.text), &answer))
	for _, one := range answer.Result {
		digits += one.Number.Value[len(one.Number.Value)-1:]
	}
	return digits
}

// TestJournal: work notes are kept one by one in a table of their own, which ACLs can hide without a word.
func TestJournal(t *testing.T) {
	t.Parallel()
	b := start(t, options(t.TempDir()))
	path := b.made(t, "normal", `{}`)
	require.Equal(t, 200, b.ask(t, "PATCH", path, `{"work_notes":"first `+strings.Repeat("x", 5000)+`"}`).status)
	require.Equal(t, 200, b.ask(t, "PATCH", path, `{"work_notes":""}`).status, "nothing is no note")
	require.Len(t, b.Tickets()[0].Journal, 1)
	require.Len(t, b.Tickets()[0].Journal[0].Value, 4000)
	list := "/api/now/table/sys_journal_field?sysparm_fields=value&sysparm_query=valueLIKEfirst"
	require.Contains(t, b.ask(t, "GET", list, "").text, `{"value":"first x`)
	require.Equal(t, `{"result":[]}`, b.as("bob", "bob-bob-bob").ask(t, "GET", list, "").text)
	require.NotContains(t, b.ask(t, "GET", path, "").text, "first", "the record itself does not show it")
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"a=b^ORc=d", "^NQ", "ORDERBYDESC", "a=javascript:x", "^OR"} {
		f.Add(seed)
	}
	rows := []row{{"a": "b"}, {"a": "c"}}
	f.Fuzz(func(t *testing.T, text string) {
		require.LessOrEqual(t, len(query(text, rows, func(field string) bool { return field == "a" }, "u", false)), 2)
	})
}
