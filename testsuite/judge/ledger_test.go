package judge

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALedgerExplainsWhatItNamesAndNothingElse(t *testing.T) {
	t.Parallel()
	v := Compare([]string{"member in the file: a", "rule in force: b", "record: c"}, []string{"record: c", "machine NAME poweredOn"})
	require.False(t, v.Good())
	rest, idle := v.Except([]string{"remove from the pool: irreversible", "drain: gone"})
	require.Equal(t, Verdict{Lost: []string{"rule in force: b"}, Unlisted: []string{"machine NAME poweredOn"}}, rest)
	require.Empty(t, idle)
	rest, idle = v.Except([]string{"open the firewall: gone", "deploy the machine: away", "drain: gone", "close the ticket: why"})
	require.True(t, rest.Good())
	require.Equal(t, []string{"close the ticket: why"}, idle)
}

func TestAVerdictCountsEachFact(t *testing.T) {
	t.Parallel()
	require.True(t, Compare([]string{"a", "b", "b"}, []string{"b", "a", "b"}).Good())
	v := Compare([]string{"a", "b"}, []string{"b", "b", "c"})
	require.Equal(t, Verdict{Lost: []string{"a"}, Duplicated: []string{"b"}, Unlisted: []string{"c"}}, v)
	require.Equal(t, "lost: a | duplicated: b | unlisted: c", v.String())
	v = Compare([]string{"ticket 1 is resolved", "ticket 2 is new"}, []string{"ticket 1 is resolved", "ticket 1 is new", "ticket 2 is open"})
	require.Equal(t, Verdict{Lost: []string{"ticket 2 is new"}, Duplicated: []string{"ticket 1 is new"}, Unlisted: []string{"ticket 2 is open"}}, v)
}

func TestWhatIsAServersOwnIsReplaced(t *testing.T) {
	t.Parallel()
	line := "server web-001 10.20.0.11:8080 check id 2025040441 # fermata key=01KAX3M4E8Q1Z9V7N5T2R6W0YB/pool/web-001"
	require.Equal(t, "server NAME ADDRESS:8080 check id NUMBER # fermata key=RUN/pool/NAME", plain(line, "web-001", "10.20.0.11"))
	require.True(t, mentions(line, "web-001", "10.20.0.99"))
	require.False(t, mentions(line, "web-00", "10.20.0.1"))
}
