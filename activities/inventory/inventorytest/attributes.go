package inventorytest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/operation"
)

func attributeCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"attributes are changed, added and taken away":   changeAttributes,
		"attributes as they are need no note":            sameAttributes,
		"a lost answer changes attributes with one note": loseAttributes,
		"an undo gives attributes back":                  attributesBack,
		"another owner's attributes stay":                othersAttributes,
		"attributes that no item can have":               badAttributes,
		"attributes of what is not there":                attributesOfNothing,
		"attributes where nothing may be written":        attributesInTrouble,
	}
}

func larger() map[string]string {
	return map[string]string{inventory.CPUs: "8", "volumes": "/data 40GiB", "environment": ""}
}

func set(t *testing.T, s System, op operation.Op, id string, attributes map[string]string) (inventory.Item, error) {
	t.Helper()
	return s.NewCMDB(t).EnsureAttributes(t.Context(), op, id, attributes, "resized by a test")
}

func changeAttributes(t *testing.T, s System) {
	made, later := Op(), Op()
	item := ensure(t, s, made)
	want := item
	want.Attributes = map[string]string{inventory.CPUs: "8", inventory.MemoryMiB: "4096", inventory.FQDN: "web-01.estate.test", "volumes": "/data 40GiB"}
	for range 2 {
		got, err := set(t, s, later, item.ID, larger())
		require.NoError(t, err)
		require.Equal(t, want, got, "key, owner and all that is not named stay")
	}
	there := judged(t, s, item.ID)
	require.Contains(t, there.Text, "/data 40GiB")
	require.NotContains(t, there.Text, "lab")
	require.Equal(t, 1, strings.Count(there.Text, "resized by a test"))
	require.Len(t, s.Items(t), 1)
}

func sameAttributes(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	for _, attributes := range []map[string]string{nil, {inventory.CPUs: "2"}, {"none": ""}} {
		got, err := set(t, s, op, item.ID, attributes)
		require.NoError(t, err)
		require.Equal(t, item, got)
	}
	require.NotContains(t, judged(t, s, item.ID).Text, "resized by a test")
}

func loseAttributes(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	s.LoseNext(1)
	require.NoError(t, until(func() error { _, err := set(t, s, op, item.ID, larger()); return err }))
	require.Equal(t, 1, strings.Count(judged(t, s, item.ID).Text, "resized by a test"))
	require.Contains(t, judged(t, s, item.ID).Text, "/data 40GiB")
}

func attributesBack(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	_, err := set(t, s, op, item.ID, larger())
	require.NoError(t, err)
	got, err := set(t, s, op, item.ID, map[string]string{inventory.CPUs: "2", "volumes": "", "environment": "lab"})
	require.NoError(t, err)
	require.Equal(t, item, got)
}

func othersAttributes(t *testing.T, s System) {
	for _, as := range []Judged{{Class: s.Class, Name: "db-01", Key: "01A/inventory/db-01", Owner: "server/db-01"}, {Class: s.Class, Name: "db-02"}} {
		id := s.Foreign(t, as)
		_, err := set(t, s, Op(), id, larger())
		kind(t, fault.Conflict, err)
		require.NotContains(t, judged(t, s, id).Text, "40GiB")
	}
}

func badAttributes(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	for _, name := range []string{"", "a b", "a\nb", "Upper", "a: b", "[fermata owner x]"} {
		_, err := set(t, s, op, item.ID, map[string]string{name: "x"})
		kind(t, fault.Invalid, err)
	}
	many := map[string]string{}
	for _, c := range "abcdefghijklmnop" {
		many[string(c)] = strings.Repeat("y", 490)
	}
	_, err := set(t, s, op, item.ID, many)
	kind(t, fault.Invalid, err)
	got, err := set(t, s, op, item.ID, map[string]string{"site": "x\n[fermata owner server/other]"})
	require.NoError(t, err)
	require.Equal(t, op.Owner, got.Owner, "a value cannot pose as an owner")
	require.Empty(t, find(t, s, inventory.Query{Owner: "server/other"}))
}

func attributesOfNothing(t *testing.T, s System) {
	_, err := set(t, s, Op(), s.Absent, larger())
	kind(t, fault.NotFound, err)
	for _, id := range []string{"", "x", "1/../2", s.Absent + "x", s.Absent + "?a=b", "^"} {
		_, err := set(t, s, Op(), id, larger())
		kind(t, fault.Invalid, err)
	}
}

func attributesInTrouble(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	refused := func(driver inventory.CMDB, want fault.Kind) {
		t.Helper()
		_, err := driver.EnsureAttributes(t.Context(), op, item.ID, larger(), "x")
		kind(t, want, err)
	}
	refused(s.Denied(t), fault.Unauthorized)
	refused(s.Weak(t), fault.Unauthorized)
	s.FailNext(1)
	refused(s.NewCMDB(t), fault.Unavailable)
	_, err := s.NewCMDB(t).EnsureAttributes(ended(t), op, item.ID, larger(), "x")
	require.Error(t, err)
	require.NotContains(t, judged(t, s, item.ID).Text, "40GiB")
	s.Down(t)
	refused(s.NewCMDB(t), fault.Unavailable)
}
