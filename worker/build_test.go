package worker

import (
	"bytes"
	"io"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	built "fermata/build"
)

func TestBuildIsNamedByWhatIsKnown(t *testing.T) {
	t.Parallel()
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123abcd"}
	for _, c := range []struct {
		why  string
		info debug.BuildInfo
		want string
	}{
		{"a clean clone", debug.BuildInfo{Settings: []debug.BuildSetting{revision, {Key: "vcs.modified", Value: "false"}}}, "0123abcd"},
		{"changed files", debug.BuildInfo{Settings: []debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}}}, "0123abcd-modified"},
		{"a module's version", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3"},
		{"the commit says more than a version", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{revision}}, "0123abcd"},
		{"nothing", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, ""},
	} {
		require.Equal(t, c.want, buildOf(&c.info), c.why)
	}
}

// A plain start must get tasks: worker versioning would wait for somebody to make the version the current one.
func TestWorkersAreNotVersioned(t *testing.T) {
	t.Parallel()
	require.False(t, deploymentOptions().UseVersioning)
}

func TestTheCommandTellsItsBuild(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.Zero(t, Main(t.Context(), []string{"fermata-worker", "--version"}, &out, io.Discard))
	require.Contains(t, out.String(), built.Unknown, "a test has no build")
}
