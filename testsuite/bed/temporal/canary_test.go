package temporal_test

import (
	"encoding/hex"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/decision"
	"fermata/encryption"
	"fermata/spec"
	"fermata/testsuite/bed/temporal"
	"fermata/testsuite/canary"
	"fermata/testsuite/people"
	"fermata/wire"
)

// legible keeps PostgreSQL from compressing long values, so that its files can be searched, with all rows that are deleted.
func (b *bench) legible(t *testing.T) {
	t.Helper()
	for _, database := range temporal.Databases() {
		_, err := b.database.Query(t.Context(), database, `DO $$ DECLARE c record; BEGIN
			FOR c IN SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING (table_name, table_schema)
				WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND data_type IN ('bytea', 'text', 'character varying', 'jsonb')
			LOOP EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET STORAGE EXTERNAL', c.table_name, c.column_name); END LOOP; END $$`)
		require.NoError(t, err)
	}
}

// searched: runs that ended well, over an outage and a kill, and one whose application refused its configuration, leave
// their secrets nowhere. What a stranger wrote in clear text is found, so the search can.
func (b *bench) searched(t *testing.T) {
	begin := time.Now()
	b.refused(t, 9)
	t.Logf("the run that is undone took %s", time.Since(begin).Round(10*time.Millisecond))
	begin = time.Now()
	b.control(t)
	_, err := b.database.Query(t.Context(), "postgres", "CHECKPOINT")
	require.NoError(t, err)
	s := canary.New(b.planted)
	for _, database := range temporal.Databases() {
		script, err := b.database.Script(t.Context(), database)
		require.NoError(t, err)
		s.Look("dump of "+database, unhex(script))
	}
	s.Files(t, "PostgreSQL: ", b.database.Folder())
	s.Files(t, "Temporal's logs: ", b.logs)
	s.Files(t, "worker: ", b.folder, "fermata-worker")
	s.Temporal(t, "", b.Client.Temporal(), b.keyring(t).Codec())

	arrived := s.Judge(t, belongs)
	for _, place := range []string{
		"the control's id in dump of temporal", "the control's id in dump of temporal_visibility", "the control's id in base", "the control's id in pg_wal",
		"the control's input in dump of temporal", "the control's input in base", "the control's input in pg_wal",
		"session key on a guest", "web-01-session-key", "refused", "vcenter-password", "tickets-token", "payload-key",
	} {
		require.True(t, arrived[place], "the search finds what is there: %s", place)
	}
	for _, place := range []string{"dump of ", "PostgreSQL: data/base/", "PostgreSQL: data/pg_wal/", "PostgreSQL: log", "Temporal's logs: temporal-", "worker: worker.log", "worker: records/", "Temporal: ", ""} {
		n, size := s.Places(place)
		require.NotZero(t, size, place)
		t.Logf("%4d places searched, %4d MB %s", n, size>>20, place)
	}
	t.Logf("the search took %s", time.Since(begin).Round(10*time.Millisecond))
}

// refused is a run whose application does not understand its secret configuration, and quotes it where services say why.
func (b *bench) refused(t *testing.T, number int) {
	t.Helper()
	started := b.ask(t, number, func(s *spec.Server) {
		s.Spec.Application.Config = []spec.File{{Path: "/etc/hello-web/hello-web.conf", Secret: "secret://file/refused"}}
	})
	b.Approve(t, started)
	p := b.Until(t, started, "a held step", people.In(wire.Held))
	gate, open := p.Gate(decision.Retry, "application")
	require.True(t, open)
	require.Contains(t, gate.Why, "unknown setting", "the error tells what the application said")
	b.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Undo}, b.Requester)
	p = b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Undone, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
}

// control lets somebody write in clear text: a workflow's id, and an input that is long and would be compressed well.
func (b *bench) control(t *testing.T) {
	t.Helper()
	b.planted["control's id"], b.planted["control's input"] = canary.Word("control"), canary.Secret("input")
	admin := b.cluster.Certificates().Admin
	c, err := people.DialAs(t.Context(), b.config, admin.Certificate, admin.Key)
	require.NoError(t, err)
	defer c.Close()
	padding := strings.Repeat("all the same ", 500)
	_, err = c.Temporal().WorkflowService().StartWorkflowExecution(t.Context(), &workflowservice.StartWorkflowExecutionRequest{
		Namespace: temporal.Namespace, WorkflowId: b.planted["control's id"], RequestId: "control", WorkflowType: &commonpb.WorkflowType{Name: "Control"},
		TaskQueue: &taskqueuepb.TaskQueue{Name: "nobody's"},
		Input:     &commonpb.Payloads{Payloads: []*commonpb.Payload{{Data: []byte(padding + b.planted["control's input"] + padding)}}},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		n, err := b.database.Query(t.Context(), "temporal_visibility", "SELECT count(*) FROM executions_visibility WHERE workflow_type_name = 'Control'")
		require.NoError(t, err)
		return n == "1"
	}, b.Patience, 50*time.Millisecond, "it is listed")
	require.NoError(t, c.Temporal().TerminateWorkflow(t.Context(), b.planted["control's id"], "", "the control was written"))
}

// bytea is how pg_dump writes bytes.
var bytea = regexp.MustCompile(`\\\\x[0-9a-f]+`)

func unhex(script []byte) []byte {
	return bytea.ReplaceAllFunc(script, func(found []byte) []byte {
		out := make([]byte, hex.DecodedLen(len(found)-3))
		if _, err := hex.Decode(out, found[3:]); err != nil {
			return found
		}
		return out
	})
}

// keyring opens what is sealed.
func (b *bench) keyring(t *testing.T) *encryption.Keyring {
	t.Helper()
	cfg, err := config.Load(b.config)
	require.NoError(t, err)
	all, err := providers.Open(cfg)
	require.NoError(t, err)
	keys, err := providers.Keyring(t.Context(), cfg, all)
	require.NoError(t, err)
	return keys
}

// belongs names the places in which a secret has to stand: a worker's secrets, the file that the spec names, and whatever
// holds the control.
func belongs(f canary.Find) string {
	guest := strings.HasPrefix(f.Place, "worker: estate/guests/")
	switch {
	case strings.HasPrefix(f.Secret, "control's "):
		for _, part := range []string{"dump of temporal_visibility", "dump of temporal", "base", "pg_wal"} {
			if f.Place == part || strings.HasPrefix(f.Place, "PostgreSQL: data/"+part+"/") {
				return "the " + f.Secret + " in " + part
			}
		}
		return "another place of the control"
	case f.Place == "worker: "+filepath.Join("secrets", f.Secret):
		return f.Secret
	case f.Secret == "web-01-session-key" && guest && strings.HasSuffix(f.Place, "/system/etc/hello-web/session-key"):
		return "session key on a guest"
	case f.Secret == "refused" && guest && strings.HasSuffix(f.Place, "/system/etc/hello-web/hello-web.conf"):
		return "refused by a guest"
	}
	return ""
}
