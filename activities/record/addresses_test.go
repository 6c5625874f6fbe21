package record

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func entry(t *testing.T, owner, kind, outcome, spec, plan string, left ...string) Entry {
	t.Helper()
	text, err := json.Marshal(Record{Owner: "server/" + "", Kind: kind, Outcome: outcome, LeftBehind: left})
	require.NoError(t, err)
	var r map[string]any
	require.NoError(t, json.Unmarshal(text, &r))
	r["owner"] = "server/" + owner
	r["spec"] = json.RawMessage(spec)
	if plan != "" {
		r["plan"] = json.RawMessage(plan)
	}
	text, err = json.Marshal(r)
	require.NoError(t, err)
	return Entry{Record: text}
}

func at(address string) string { return `{"spec":{"network":{"address":"` + address + `"}}}` }

const (
	made    = "ProvisionServer"
	removed = "DecommissionServer"
	ranged  = `{"spec":{"network":{"range":"servers"}}}`
)

func TestAddressesOfServersUnderManagement(t *testing.T) {
	t.Parallel()
	in := FindAddressesInput{Done: "done", Removal: []string{removed}}
	goes := `{"kind":"Decommission","name":"a"}`
	for name, x := range map[string]struct {
		entries []Entry
		want    []HeldAddress
	}{
		"none":            {nil, nil},
		"made":            {[]Entry{entry(t, "a", made, "done", at("10.0.0.1/24"), "")}, []HeldAddress{{"10.0.0.1", "server/a"}}},
		"chosen":          {[]Entry{entry(t, "a", made, "done", ranged, `{"resolved":{"network":{"address":"10.0.0.2/24"}}}`)}, []HeldAddress{{"10.0.0.2", "server/a"}}},
		"denied":          {[]Entry{entry(t, "a", made, "denied", at("10.0.0.1/24"), "")}, nil},
		"undone":          {[]Entry{entry(t, "a", made, "undone", at("10.0.0.1/24"), "")}, nil},
		"left behind":     {[]Entry{entry(t, "a", made, "undone", at("10.0.0.1/24"), "", "deploy: away")}, []HeldAddress{{"10.0.0.1", "server/a"}}},
		"removed":         {[]Entry{entry(t, "a", made, "done", at("10.0.0.1/24"), ""), entry(t, "a", removed, "done", goes, "")}, nil},
		"restored":        {[]Entry{entry(t, "a", made, "done", at("10.0.0.1/24"), ""), entry(t, "a", removed, "restored", goes, "")}, []HeldAddress{{"10.0.0.1", "server/a"}}},
		"removal denied":  {[]Entry{entry(t, "a", made, "done", at("10.0.0.1/24"), ""), entry(t, "a", removed, "denied", goes, "")}, []HeldAddress{{"10.0.0.1", "server/a"}}},
		"made anew":       {[]Entry{entry(t, "a", made, "done", at("10.0.0.1/24"), ""), entry(t, "a", removed, "done", goes, ""), entry(t, "a", made, "done", at("10.0.0.3/24"), "")}, []HeldAddress{{"10.0.0.3", "server/a"}}},
		"another site's":  {[]Entry{entry(t, "a", made, "done", `{"metadata":{"site":"oslo"},"spec":{"network":{"address":"10.0.0.1/24"}}}`, "")}, nil},
		"removed another": {[]Entry{entry(t, "a", made, "done", at("10.0.0.1/24"), ""), entry(t, "b", removed, "done", goes, "")}, []HeldAddress{{"10.0.0.1", "server/a"}}},
		"two":             {[]Entry{entry(t, "b", made, "done", at("10.0.0.1/24"), ""), entry(t, "a", made, "done", at("fd00::1/64"), "")}, []HeldAddress{{"10.0.0.1", "server/b"}, {"fd00::1", "server/a"}}},
		"unreadable":      {[]Entry{{Record: []byte("{")}, entry(t, "a", made, "done", `"x"`, "")}, nil},
	} {
		require.Equal(t, x.want, in.held(x.entries).Held, name)
	}
}
