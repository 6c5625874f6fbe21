package requesttracker_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	emulator "fermata/sandbox/estate/requesttracker"
	"fermata/testsuite/bed/host"
)

// question is asked of the real server and of the emulator. %d stands for the number of the first ticket.
type question struct {
	as, method, path, body string
	match                  string // If-Match.
}

// questions are asked in this order.
func questions() []question {
	ask := func(as, method, path string, body ...string) question {
		return question{as: as, method: method, path: path, body: strings.Join(body, "")}
	}
	good, reader, person := "fermata", "reader", "person"
	find := "/tickets?fields=Subject,Status,CustomFields,Queue&fields[Queue]=Name&orderby=id&per_page=100&query="
	return []question{
		ask(good, "GET", "/queue/Changes"), ask(reader, "GET", "/queue/Changes"), ask(good, "GET", "/queue/Nope"), ask("", "GET", "/rt"),
		ask(good, "GET", "/nope"), ask(good, "GET", "/ticket/4711"), ask(good, "GET", "/ticket/4711/history"),
		ask(good, "POST", "/ticket", `{"Queue":"Changes","Subject":"one","Content":"plan","Requestor":["alice@example.net"],`,
			`"CustomFields":{"Fermata Key":"run/a","Fermata Owner":"server/a","Nope":"x"},"Nope":1}`),
		ask(good, "POST", "/ticket", `{"Subject":"no queue"}`), ask(good, "POST", "/ticket", `{"Queue":"Nope"}`),
		ask(reader, "POST", "/ticket", `{"Queue":"Changes"}`), ask(good, "POST", "/ticket", `{"Queue":"Changes","Status":"bogus"}`),
		ask(good, "POST", "/ticket", `[]`),
		ask(good, "GET", "/ticket/%d"), ask(good, "GET", "/ticket/%d?fields[Queue]=Name"), ask(reader, "GET", "/ticket/%d"),
		ask(good, "GET", find+"'CF.{Fermata Key}' = 'run/a'"), ask(good, "GET", find+"'CF.{Fermata Key}' = 'RUN/A'"),
		ask(good, "GET", find+"'CF.{Fermata Key}' = 'run/b'"), ask(good, "GET", find+"'CF.{Nope}' = 'x'"), ask(good, "GET", find+""),
		ask(good, "GET", find+"'CF.{Fermata Owner}' = 'server/a' AND 'CF.{Fermata Key}' IS NULL AND Creator = '__CurrentUser__'"),
		ask(good, "GET", find+"Creator = '__CurrentUser__' AND 'CF.{Fermata Key}' IS NOT NULL"), ask(good, "GET", find+"garbage ( ="),
		ask(good, "GET", find+"id = 'x' OR"), ask(person, "GET", find+"Creator = '__CurrentUser__'"),
		ask(good, "POST", "/ticket/%d/comment", `{"Subject":"[note a]","Content":"said\n","ContentType":"text/plain"}`),
		ask(good, "POST", "/ticket/%d/comment", `{"Content":"no type"}`), ask(reader, "POST", "/ticket/%d/comment", `{"Content":"x","ContentType":"text/plain"}`),
		ask(good, "POST", "/ticket/4711/comment", `{"Content":"x","ContentType":"text/plain"}`),
		ask(good, "POST", "/ticket/%d/correspond", `{"Content":"x","ContentType":"text/plain"}`),
		ask(person, "POST", "/ticket/%d/comment", `{"Content":"no subject","ContentType":"text/plain"}`),
		ask(good, "GET", "/ticket/%d/history?fields=Type,Data&per_page=100&orderby=id&order=DESC"),
		ask(good, "GET", "/ticket/%d/history?fields=Type,Data&per_page=1&page=3"), ask(good, "GET", "/ticket/%d/history?fields=Type,Data&per_page=100&page=2"),
		ask(good, "PUT", "/ticket/%d", `{"Status":"bogus"}`), ask(good, "PUT", "/ticket/%d", `{"Status":"new"}`), ask(good, "PUT", "/ticket/%d", `{"Nope":"x"}`),
		ask(reader, "PUT", "/ticket/%d", `{"Status":"open"}`), ask(good, "PUT", "/ticket/%d", `{"Status":"deleted"}`),
		{as: good, method: "PUT", path: "/ticket/%d", body: `{"Status":"open"}`, match: `"1"`},
		ask(good, "PUT", "/ticket/%d", `{"Status":"open"}`), ask(good, "PUT", "/ticket/4711", `{"Status":"open"}`),
		ask(good, "PUT", "/ticket/%d", `{"Subject":"renamed"}`), ask(reader, "PUT", "/ticket/%d", `{"Subject":"not mine"}`),
		ask(good, "PUT", "/ticket/%d", `{"CustomFields":{"Fermata Key":"run/c"}}`), ask(good, "PUT", "/ticket/%d", `{"Status":"resolved"}`),
		ask(good, "PUT", "/ticket/%d", `{"Status":"resolved"}`), ask(person, "POST", "/ticket/%d/correspond", `{"Content":"again","ContentType":"text/plain"}`),
		ask(good, "GET", "/ticket/%d"), ask(person, "GET", "/ticket/%d/history?fields=Type,Field,OldValue,NewValue&per_page=100&orderby=id&order=DESC"),
		ask(person, "PUT", "/ticket/%d", `{"CustomFields":{"Fermata Key":"run/d"}}`), ask(good, "GET", "/ticket/%d"),
		ask(good, "POST", "/ticket", `{"Queue":"Strict","Subject":"two"}`),
	}
}

// TestLikeness asks the same of the real server and of the emulator. What the emulator answers, the real one must answer
// too; the real one may say more.
func TestLikeness(t *testing.T) {
	host.Require(t)
	t.Parallel()
	real, emulated := start(t), startEmulator(t)
	for i, q := range questions() {
		name := fmt.Sprintf("%d. %s: %s %s %s", i, q.as, q.method, q.path, q.body)
		want := q.ask(t, real.URL(), func(user string) (string, error) { return real.Token(user) })
		got := q.ask(t, emulated.URL(), func(user string) (string, error) { return "1-2-" + user + "-emulated", nil })
		if want.status != got.status {
			t.Errorf("%s:\nthe real one answers %d %v\nthe emulator answers %d %v", name, want.status, want.body, got.status, got.body)
			continue
		}
		for _, difference := range differences("", want.body, got.body) {
			t.Errorf("%s: %s", name, difference)
		}
		if got.etag && !want.etag {
			t.Errorf("%s: only the emulator sends an ETag", name)
		}
	}
}

func startEmulator(t *testing.T) *emulator.Server {
	t.Helper()
	user := func(name string, rights ...string) emulator.User {
		return emulator.User{Name: name, Token: "1-2-" + name + "-emulated", Rights: append(rights, "SeeQueue", "ShowTicket", "ShowTicketComments", "SeeCustomField")}
	}
	s, err := emulator.Start(emulator.Options{
		Folder: t.TempDir(), Queues: []emulator.Queue{{Name: "Changes"}, {Name: "Strict"}},
		Fields: []emulator.Field{{Name: "Fermata Key"}, {Name: "Fermata Owner"}},
		Users: []emulator.User{
			user("fermata", "CreateTicket", "CommentOnTicket", "ModifyTicket", "SetInitialCustomField"), user("reader"),
			user("person", "CreateTicket", "CommentOnTicket", "ReplyToTicket", "ModifyTicket", "SetInitialCustomField", "ModifyCustomField"),
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

type answer struct {
	status int
	etag   bool // There is one. Its value is a transaction's number.
	body   any
}

func (q question) ask(t *testing.T, address string, token func(user string) (string, error)) answer {
	t.Helper()
	path := strings.NewReplacer(" ", "%20", "{", "%7B", "}", "%7D", "'", "%27", "%d", "1").Replace(q.path)
	r, err := http.NewRequestWithContext(t.Context(), q.method, address+"/REST/2.0"+path, strings.NewReader(q.body))
	require.NoError(t, err)
	if q.as != "" {
		text, err := token(q.as)
		require.NoError(t, err)
		r.Header.Set("Authorization", "token "+text)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Language", "en")
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.match != "" {
		r.Header.Set("If-Match", q.match)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	a := answer{status: resp.StatusCode, etag: resp.Header.Get("ETag") != ""}
	require.NoError(t, json.Unmarshal(text, &a.body), "%s %s: %s", q.method, path, text)
	return a
}

// numbered are the keys whose values differ from server to server; only their form is compared.
var numbered = map[string]bool{"id": true, "_url": true, "Created": true, "LastUpdated": true, "Lifecycle": true}

// differences lists what the emulator says and the real one does not.
func differences(at string, want, got any) []string {
	if reflect.TypeOf(want) != reflect.TypeOf(got) {
		return []string{fmt.Sprintf("%s: the real one has %T %v, the emulator %T %v", at, want, want, got, got)}
	}
	var found []string
	switch got := got.(type) {
	case map[string]any:
		for key, value := range got {
			there, ok := want.(map[string]any)[key]
			switch {
			case !ok:
				found = append(found, fmt.Sprintf("%s.%s: the real one has no such key, the emulator %v", at, key, value))
			case numbered[key] && reflect.TypeOf(there) == reflect.TypeOf(value):
			default:
				found = append(found, differences(at+"."+key, there, value)...)
			}
		}
	case []any:
		return listDifferences(at, want.([]any), got)
	case string:
		if want != got && !strings.HasPrefix(got, "Wrong query") { // Its words depend on where the parser gave up.
			found = append(found, fmt.Sprintf("%s: the real one has %q, the emulator %q", at, want, got))
		}
	default:
		if want != got {
			found = append(found, fmt.Sprintf("%s: the real one has %v, the emulator %v", at, want, got))
		}
	}
	return found
}

// listDifferences compares lists element by element; of links the real one has more, in another order.
func listDifferences(at string, want, got []any) (found []string) {
	if strings.HasSuffix(at, "CustomFields") { // The real one has no order in them.
		for _, list := range [][]any{want, got} {
			slices.SortFunc(list, func(a, b any) int {
				return strings.Compare(fmt.Sprint(a.(map[string]any)["name"]), fmt.Sprint(b.(map[string]any)["name"]))
			})
		}
	}
	if strings.HasSuffix(at, "_hyperlinks") {
		for _, link := range got {
			if !hasLink(want, link) {
				found = append(found, fmt.Sprintf("%s: the real one has no link %v", at, link))
			}
		}
		return found
	}
	if len(want) != len(got) {
		return []string{fmt.Sprintf("%s: the real one has %d: %v\nthe emulator %d: %v", at, len(want), want, len(got), got)}
	}
	for i := range got {
		found = append(found, differences(fmt.Sprintf("%s[%d]", at, i), want[i], got[i])...)
	}
	return found
}

func hasLink(links []any, wanted any) bool {
	for _, link := range links {
		if reflect.DeepEqual(link.(map[string]any)["ref"], wanted.(map[string]any)["ref"]) {
			return true
		}
	}
	return false
}
