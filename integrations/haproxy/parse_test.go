package haproxy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
)

// states is an answer of the real HAProxy 2.6.12.
const states = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n" +
	"3 web 1 web-01 127.0.0.1 2 0 10 10 0 8 2 2 6 0 0 0 - 18081 - 0 0 - - 0\n" +
	"3 web 2000000001 k1 ::1 2 8 10 10 1 15 3 4 6 0 0 1 - 18082 - 0 0 - - 0\n" +
	"3 web 4 n2 1.2.3.4 0 5 5 7 168 15 3 0 14 0 0 0 - 80 - 0 0 - - 0\n\n"

func TestParseStates(t *testing.T) {
	t.Parallel()
	servers, err := parseStates(states)
	require.NoError(t, err)
	require.Len(t, servers, 3)
	require.Equal(t, loadbalancer.Ready, servers[0].state())
	require.False(t, servers[0].healthy(), "running, and its last check failed")
	require.Equal(t, loadbalancer.Drain, servers[1].state())
	require.True(t, servers[1].healthy())
	require.Equal(t, 2000000001, servers[1].id)
	require.Equal(t, loadbalancer.Maintenance, servers[2].state())
	require.False(t, servers[2].healthy(), "an old success, and the checks are paused")
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "2\n# be_name\n", strings.Replace(states, "18081", "x", 1), strings.Replace(states, " - 0 0 - - 0\n", "\n", 1), "1\n# a b\nx y\n"} {
		_, err := parseStates(text)
		require.Error(t, err, text)
	}
	for _, text := range []string{"", "hello", "# pxname,svname,scur,type\nweb,a,x,2\n", "# pxname,svname\n\"a"} {
		_, err := parseStats(text)
		require.Error(t, err, text)
	}
}

func TestDocumentRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"backend web\n # BEGIN fermata\n":                                                    "line 2",
		"backend web\n # END fermata\n":                                                      "line 2",
		"# BEGIN fermata\n# END fermata\n":                                                   "outside of a backend",
		"backend web\n # BEGIN fermata\n # BEGIN fermata\n":                                  "line 3",
		"backend web\n # BEGIN fermata\nbackend b\n":                                         "line 3",
		"backend w\n # BEGIN fermata\n # END fermata\n # BEGIN fermata\n":                    "line 4",
		"backend w\n # BEGIN fermata\n server a 1.2.3.4:80\n # END fermata\n":                "line 3",
		"backend w\n # BEGIN fermata\n # note\n # END fermata\n":                             "line 3",
		"backend w\n # BEGIN fermata\n server a x # fermata key=a owner=b\n":                 "line 3",
		"backend w\n # BEGIN fermata\n server a 1.2.3.4:80 backup # fermata key=a owner=b\n": "backup",
	} {
		_, err := readDocument([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

// One that is about to stop says so to every command: another takes its place in a moment.
func TestWhatEveryCommandMayBeTold(t *testing.T) {
	t.Parallel()
	for answer, kind := range map[string]fault.Kind{
		"Permission denied\n\n":                        fault.Unauthorized,
		"Proxy is disabled.\n\n":                       fault.Unavailable,
		"Proxy is disabled.\n\n\nProxy is disabled.\n": fault.Unavailable,
		"Unknown command: 'add'. ...\n":                fault.Invalid,
	} {
		require.Equal(t, kind, fault.KindOf(refusal(answer)), answer)
	}
	require.NoError(t, refusal("New server registered.\n"))
	require.NoError(t, refusal("\n"))
}

func FuzzParseStates(f *testing.F) {
	f.Add(states)
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseStates(text) })
}

func FuzzParseStats(f *testing.F) {
	f.Add("# pxname,svname,scur,status,check_status,type,\nweb,a,0,UP,L7OK,2,\n\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseStats(text) })
}

// FuzzParseDocument: whatever the file, adding a member and taking it away again gives the same bytes, and adding one
// changes nothing but its own line.
func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(testConfig))
	f.Add([]byte("backend web\r\n\t# BEGIN fermata\r\n\t# END fermata\r\nbackend b\n server x 1.2.3.4:5 # y"))
	f.Add([]byte("backend web\n# BEGIN fermata\nserver a 1.2.3.4:80 check id 3 disabled # fermata key=k owner=o\n# END fermata"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := readDocument(data)
		if err != nil {
			return
		}
		require.Equal(t, data, d.bytes())
		for backend := range d.blocks {
			if namePattern.MatchString(backend) && d.find(backend, "new-99") == nil {
				addAndDrop(t, d, data, backend)
				return
			}
		}
	})
}

func addAndDrop(t *testing.T, d *document, data []byte, backend string) {
	t.Helper()
	e := &entry{Member: loadbalancer.Member{Backend: backend, Name: "new-99", Address: "10.0.0.1", Port: 80}, key: "k/s/t", owner: "o", id: 7, disabled: true}
	require.True(t, d.put(renderer{}, e))
	added, err := readDocument(d.bytes())
	require.NoError(t, err)
	found := added.find(backend, "new-99")
	require.NotNil(t, found)
	line := found.line
	found.line = 0
	require.Equal(t, e, found)
	require.False(t, added.put(renderer{}, e), "again is no change")
	lines := bytes.SplitAfter(added.bytes(), []byte("\n"))
	require.Equal(t, data, bytes.Join(append(lines[:line:line], lines[line+1:]...), nil))
	found.line = line
	added.drop(found)
	require.Equal(t, data, added.bytes())
}
