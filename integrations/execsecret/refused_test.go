package execsecret_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/integrations/execsecret"
)

const canary = "cAnaRy-hunter2-4711"

func TestBadAnswersTellButShowNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script, version string
		kind            fault.Kind
		text            string
	}{
		"nothing":            {"", "", fault.Invalid, "no JSON object"},
		"text":               {"echo " + canary, "", fault.Invalid, "no JSON object"},
		"half":               {`printf '{"value":"` + canary + `'`, "", fault.Invalid, "no JSON object"},
		"a number":           {`echo '{"value":4711}'`, "", fault.Invalid, "no JSON object"},
		"number for version": {`echo '{"value":"` + canary + `","version":3}'`, "", fault.Invalid, "no JSON object"},
		"two":                {`echo '{"value":"` + canary + `"}{}'`, "", fault.Invalid, "more than one answer"},
		"text behind":        {`echo '{"value":"` + canary + `"} ` + canary + `'`, "", fault.Invalid, "more than one answer"},
		"empty":              {`echo '{"value":""}'`, "", fault.NotFound, "empty value"},
		"no value":           {`echo '{}'`, "", fault.NotFound, "empty value"},
		"another version":    {`echo '{"value":"` + canary + `","version":"4"}'`, "3", fault.Invalid, "asked for version 3 and answers with version 4"},
		"version is a value": {`echo '{"value":"x","version":"` + canary + ` "}'`, "3", fault.Invalid, "what is no version"},
		"no version":         {`echo '{"value":"` + canary + `"}'`, "3", fault.Invalid, "answers with none"},
		"unknown error":      {`echo '{"error":"Oops","message":"x"}'`, "", fault.Invalid, "none of NotFound"},
		"conflict":           {`echo '{"error":"Conflict"}'`, "", fault.Invalid, "none of NotFound"},
		"throttled":          {`echo '{"error":"Throttled","message":"slowly"}'`, "", fault.Throttled, "slowly"},
		"away":               {`echo '{"error":"Unavailable"}'`, "", fault.Unavailable, "no message"},
		"error with value":   {`echo '{"error":"NotFound","value":"` + canary + `","message":"not ` + canary + `"}'`, "", fault.NotFound, "not ******"},
		"fails":              {`echo "no way" >&2; exit 3`, "", fault.Unavailable, "exit status 3): no way"},
		"fails in silence":   {`exit 1`, "", fault.Unavailable, "wrote nothing"},
		"fails with value":   {`echo '{"value":"` + canary + `"}'; echo "was: ` + canary + `" >&2; exit 1`, "", fault.Unavailable, "was: ******"},
		"fails with text":    {`echo ` + canary + `; echo "was: ` + canary + `" >&2; exit 1`, "", fault.Unavailable, "was: ******"},
		"escapes":            {`printf 'a\033[2Jb\n' >&2; exit 1`, "", fault.Unavailable, ": a [2Jb"},
		"a long complaint":   {`i=0; while [ $i -lt 2000 ]; do echo complaint >&2; i=$((i+1)); done; exit 1`, "", fault.Unavailable, "complaint ..."},
		"too long":           {`head -c ` + strconv.Itoa(execsecret.Limit+1) + ` /dev/zero; sleep 60`, "", fault.Invalid, "longer than"},
		"endless":            {`exec cat /dev/zero`, "", fault.Invalid, "longer than"},
		"killed":             {`kill -9 $$`, "", fault.Unavailable, "signal: killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, execsecret.Config{Command: script(t, "read -r question\n"+c.script), Timeout: time.Minute})
			value, version, err := p.ReadVersion(t.Context(), "token", c.version)
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, c.text)
			require.Empty(t, string(value.Reveal())+version)
			require.NotContains(t, err.Error(), canary[:8])
			require.NotContains(t, err.Error(), "4711")
			require.NotContains(t, err.Error(), "\x1b")
			require.Less(t, len(err.Error()), 800)
		})
	}
}

func TestTheLongestAnswerIsRead(t *testing.T) {
	t.Parallel()
	p := open(t, execsecret.Config{Command: script(t, `printf '{"value":"'; head -c `+strconv.Itoa(execsecret.Limit-12)+` /dev/zero | tr '\0' x; printf '"}'`), Timeout: time.Minute})
	value, err := p.Read(t.Context(), "token")
	require.NoError(t, err)
	require.Len(t, value.Reveal(), execsecret.Limit-12)
}

// A helper that does not end is killed with everything that it started.
func TestTheTimeLimitEndsTheGroup(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	p := open(t, execsecret.Config{Command: script(t, `sleep 600 & echo $! > "$1"; echo $$ >> "$1"; wait`, pids), Timeout: 300 * time.Millisecond})
	_, err := p.Read(t.Context(), "token")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "took longer than 300ms")
	text, err := os.ReadFile(pids)
	require.NoError(t, err)
	started := strings.Fields(string(text))
	require.Len(t, started, 2)
	for _, pid := range started {
		gone(t, pid)
	}
}

// gone waits until a process has ended; one that nobody has buried yet counts as ended.
func gone(t *testing.T, pid string) {
	t.Helper()
	number, err := strconv.Atoi(pid)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err == nil {
			_, state, _ := strings.Cut(string(stat), ") ")
			return strings.HasPrefix(state, "Z")
		}
		return errors.Is(syscall.Kill(number, 0), syscall.ESRCH)
	}, 10*time.Second, 10*time.Millisecond)
}

// A process that outlives the helper and holds its output open does not hold the reader.
func TestALingeringChildIsEnded(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	p := open(t, execsecret.Config{Command: script(t, `sleep 600 & echo $! > "$1"; echo '{"value":"`+canary+`"}'`, pids), Timeout: time.Minute})
	_, err := p.Read(t.Context(), "token")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.NotContains(t, err.Error(), canary)
	text, err := os.ReadFile(pids)
	require.NoError(t, err)
	gone(t, strings.TrimSpace(string(text)))
}

func TestAHelperThatOthersCanChangeIsNotRun(t *testing.T) {
	t.Parallel()
	ran := filepath.Join(t.TempDir(), "ran")
	text := "#!/bin/sh\necho > " + ran + "\necho '{\"value\":\"x\"}'\n"
	write := func(folder, mode os.FileMode) string {
		dir := filepath.Join(t.TempDir(), "bin")
		require.NoError(t, os.Mkdir(dir, 0o700))
		path := filepath.Join(dir, "helper")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		require.NoError(t, os.Chmod(dir, folder))
		return path
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(write(0o700, 0o720), link))
	for name, c := range map[string]struct {
		path string
		kind fault.Kind
		text string
	}{
		"its group":          {write(0o700, 0o720), fault.Unauthorized, "chmod go-w"},
		"others":             {write(0o700, 0o702), fault.Unauthorized, "mode 0702"},
		"behind a link":      {link, fault.Unauthorized, "chmod go-w"},
		"the folder's group": {write(0o770, 0o700), fault.Unauthorized, "chmod go-w"},
		"a sticky folder":    {write(0o777|os.ModeSticky, 0o700), fault.Unauthorized, "chmod go-w"},
		"no program":         {write(0o700, 0o600), fault.Invalid, "no program"},
		"a folder":           {t.TempDir(), fault.Invalid, "no program"},
		"nothing":            {filepath.Join(t.TempDir(), "none"), fault.Unavailable, "no such file"},
	} {
		_, err := open(t, execsecret.Config{Command: []string{c.path}}).Read(t.Context(), "token")
		require.Equal(t, c.kind, fault.KindOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, c.text, name)
	}
	require.NoFileExists(t, ran)
}
