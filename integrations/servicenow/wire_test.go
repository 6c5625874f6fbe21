package servicenow

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/inventory"
	"fermata/activities/operation"
)

// TestForms: the reference's examples write a record in several forms.
func TestForms(t *testing.T) {
	t.Parallel()
	const id = "b0dbda5347c12200e0ef563dbb9a718f"
	for _, text := range []string{
		`[{"sys_id":"` + id + `","state":{"value":"-5","display_value":"New"},"__meta":{"ignoredFields":["x"]}}]`,
		`{"sys_id":{"value":"` + id + `","display_value":"x"},"state":{"value":-5.0,"display_value":"New"},"knowledge":{"value":false}}`,
		`{"sys_id":"` + id + `","state":"-5"}`,
	} {
		var r one
		require.NoError(t, json.Unmarshal([]byte(text), &r), text)
		require.Equal(t, id, r.SysID.value)
		require.Equal(t, "-5", r.State.value)
	}
	for _, text := range []string{`[]`, `[{},{}]`, `{}`, `null`, `"x"`, `{"sys_id":"../../x"}`, `[{"sys_id":1}]`} {
		var r one
		require.Error(t, r.UnmarshalJSON([]byte(text)), text)
	}
}

// TestItemForms: an item without an id or with a class that is none is no item.
func TestItemForms(t *testing.T) {
	t.Parallel()
	const id = "b0dbda5347c12200e0ef563dbb9a718f"
	var r oneItem
	require.NoError(t, json.Unmarshal([]byte(`{"sys_id":"`+id+`","sys_class_name":{"value":"cmdb_ci_server","display_value":"Server"},"install_status":{"value":7,"display_value":"Retired"}}`), &r))
	require.Equal(t, inventory.Retired, itemRecord(r).state())
	for _, text := range []string{`{}`, `[]`, `null`, `{"sys_id":"` + id + `"}`, `{"sys_id":"../x","sys_class_name":"cmdb_ci"}`, `{"sys_id":"` + id + `","sys_class_name":"sys_user"}`} {
		require.Error(t, r.UnmarshalJSON([]byte(text)), text)
	}
}

// TestAttributes: only a first line that is the owner's, whole, says whose an item is.
func TestAttributes(t *testing.T) {
	t.Parallel()
	owner, attributes := readAttributes("[fermata owner server/a]\r\nsite: b: c\r\nodd")
	require.Equal(t, operation.Owner("server/a"), owner)
	require.Equal(t, map[string]string{"site": "b: c"}, attributes)
	for _, text := range []string{"", "x", "[fermata owner server/a", "x\n[fermata owner server/a]", "x [fermata owner server/a]", "fermata owner server/a]", "[fermata owner ]"} {
		owner, _ := readAttributes(text)
		require.Empty(t, owner, text)
	}
}

// FuzzAnswers: whatever the instance answers is read or refused.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`[{"sys_id":{"value":"b0dbda5347c12200e0ef563dbb9a718f","display_value":1},"state":{"value":3.0}}]`))
	f.Add([]byte(`{"available_states":["0","4",-1]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var r one
		_ = json.Unmarshal(data, &r)
		var list []record
		_ = json.Unmarshal(data, &list)
		var states struct {
			Available []field `json:"available_states"`
		}
		_ = json.Unmarshal(data, &states)
		var item oneItem
		_ = json.Unmarshal(data, &item)
		_, _ = readAttributes(string(data))
	})
}
