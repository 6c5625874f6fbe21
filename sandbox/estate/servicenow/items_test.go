package servicenow

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const server = "/api/now/table/cmdb_ci_server"

// item creates an item and returns its sys_id.
func (b bench) item(t *testing.T, path, body string) string {
	t.Helper()
	r := b.ask(t, http.MethodPost, path, body)
	require.Equal(t, http.StatusCreated, r.status, r.text)
	var made struct {
		Result map[string]string `json:"result"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.text), &made))
	return made.Result["sys_id"]
}

func (b bench) rows(t *testing.T, path string) []map[string]string {
	t.Helper()
	r := b.ask(t, http.MethodGet, path, "")
	require.Equal(t, http.StatusOK, r.status, r.text)
	var found struct {
		Result []map[string]string `json:"result"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.text), &found))
	return found.Result
}

// TestItemsAreKept: what is made is in the classes that its class extends, in no other, and there after a restart.
func TestItemsAreKept(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	b := start(t, o)
	id := b.item(t, "/api/now/table/cmdb_ci_linux_server", `{"name":"db-01","correlation_id":"K","cpu_count":4,"oven":"hot","sys_id":"mine"}`)
	require.Len(t, id, 32)
	for class, there := range map[string]bool{"cmdb_ci": true, "cmdb_ci_server": true, "cmdb_ci_linux_server": true, "cmdb_ci_win_server": false} {
		found := b.rows(t, "/api/now/table/"+class+"?sysparm_query=name=db-01")
		require.Len(t, found, map[bool]int{true: 1, false: 0}[there], class)
		if there {
			require.Equal(t, []string{id, "cmdb_ci_linux_server", "1"}, []string{found[0]["sys_id"], found[0]["sys_class_name"], found[0]["install_status"]})
			require.NotContains(t, found[0], "oven", "a field that is not known is ignored")
		}
	}
	require.NotContains(t, b.rows(t, "/api/now/table/cmdb_ci?sysparm_query=name=db-01")[0], "cpu_count", "a class does not show what extends it")
	require.Equal(t, http.StatusOK, b.ask(t, http.MethodPatch, "/api/now/table/cmdb_ci_linux_server/"+id, `{"install_status":"7"}`).status)
	require.NoError(t, b.Close())
	b = start(t, o)
	found := b.rows(t, server+"?sysparm_query=correlation_id=K")
	require.Len(t, found, 1)
	require.Equal(t, []string{"7", "4"}, []string{found[0]["install_status"], b.ConfigurationItems()[1].Fields["cpu_count"]})
	require.Len(t, b.ConfigurationItems(), 2, "what the options describe is put in once")
}

// TestItemsAreNotUnique: the Table API goes past the identification rules.
func TestItemsAreNotUnique(t *testing.T) {
	t.Parallel()
	b := start(t, options(t.TempDir()))
	require.NotEqual(t, b.item(t, server, `{"name":"web-01","correlation_id":"K"}`), b.item(t, server, `{"name":"web-01","correlation_id":"K"}`))
	require.Len(t, b.rows(t, server+"?sysparm_query=correlation_id=K"), 2)
	require.Len(t, b.rows(t, "/api/now/cmdb/instance/cmdb_ci_server?sysparm_query=name=web-01"), 3)
}

func TestItemsThatAreRefused(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.RetiredStay = true
	o.Users = append(o.Users, User{Name: "carol", Password: "carol-carol", Roles: []string{"itil"}, Locked: []string{"cmdb_ci"}, Hidden: []string{"cmdb_ci.name"}})
	b := start(t, o)
	id := b.item(t, server, `{"name":"db-01"}`)
	carol, bob := b.as("carol", "carol-carol"), b.as("bob", "bob-bob-bob")
	for _, c := range []struct {
		who                bench
		method, path, body string
		status             int
		says               string
	}{
		{b, http.MethodPost, "/api/now/table/cmdb_ci_oven", `{}`, 400, "Invalid table cmdb_ci_oven"},
		{b, http.MethodGet, "/api/now/table/sys_user", ``, 400, "Invalid table sys_user"},
		{b, http.MethodPatch, "/api/now/table/cmdb_ci_oven/" + id, `{}`, 400, "Invalid table"},
		{b, http.MethodGet, server + "/" + template, ``, 404, "No Record found"},
		{b, http.MethodPatch, "/api/now/table/cmdb_ci_linux_server/" + id, `{}`, 404, "No Record found"},
		{b, http.MethodPost, server, `{`, 400, "Unable to parse JSON"},
		{bob, http.MethodPost, server, `{"name":"x"}`, 403, "ACL Validation"},
		{bob, http.MethodPatch, server + "/" + id, `{"name":"x"}`, 403, "ACL Validation"},
		{carol, http.MethodPost, server, `{"name":"x"}`, 403, "ACL Exception Insert Failed"},
		{carol, http.MethodPatch, server + "/" + id, `{"name":"x"}`, 403, "ACL Exception Update Failed"},
		{b.as("alice", "wrong"), http.MethodGet, server, ``, 401, "User Not Authenticated"},
		{b, http.MethodDelete, server + "/" + id, ``, 400, "does not represent any resource"},
	} {
		r := c.who.ask(t, c.method, c.path, c.body)
		require.Equal(t, c.status, r.status, "%s %s: %s", c.method, c.path, r.text)
		require.Contains(t, r.text, c.says)
	}
	require.Len(t, carol.rows(t, server+"?sysparm_query=name=nothing"), 2, "a condition on a hidden field is left out")
	require.Equal(t, "db-01", b.ConfigurationItems()[1].Fields["name"])
	require.Equal(t, http.StatusOK, b.ask(t, http.MethodPatch, server+"/"+id, `{"install_status":"7"}`).status)
	r := b.ask(t, http.MethodPatch, server+"/"+id, `{"install_status":"1"}`)
	require.Equal(t, http.StatusForbidden, r.status)
	require.Contains(t, r.text, "aborted by Business Rule")
	require.Equal(t, "7", b.ConfigurationItems()[1].Fields["install_status"])
}
