package servicenow

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
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
	})
}
