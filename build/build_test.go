package build

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABuildIsNamedByWhatIsKnown(t *testing.T) {
	t.Parallel()
	on := ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123abcd"}
	for _, x := range []struct {
		why  string
		info *debug.BuildInfo
		want string
	}{
		{"nothing", nil, Unknown + on},
		{"a test", &debug.BuildInfo{Main: debug.Module{Path: "fermata", Version: "(devel)"}}, Unknown + on},
		{"a clean clone", &debug.BuildInfo{
			Main: debug.Module{Path: "fermata", Version: "v1.2.3"}, Settings: []debug.BuildSetting{revision, {Key: "vcs.modified", Value: "false"}},
		}, "v1.2.3, commit 0123abcd" + on},
		{"changed files", &debug.BuildInfo{
			Main: debug.Module{Path: "fermata", Version: "v1.2.3+dirty"}, Settings: []debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}},
		}, "v1.2.3+dirty, commit 0123abcd with changes" + on},
		{"a worker of somebody's own", &debug.BuildInfo{
			Main: debug.Module{Path: "example.com/own", Version: "v9.9.9"}, Deps: []*debug.Module{{Path: "fermata", Version: "v1.2.3"}},
			Settings: []debug.BuildSetting{revision},
		}, "v1.2.3, commit 0123abcd" + on},
	} {
		require.Equal(t, x.want, of(x.info).String(), x.why)
	}
}

func TestBuildsAreToldApart(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		why  string
		info Info
		want string
	}{
		{"a clean clone", Info{Version: "v1.2.3", Commit: "0123abcd"}, "0123abcd"},
		{"changed files", Info{Commit: "0123abcd", Modified: true}, "0123abcd-modified"},
		{"a module's version", Info{Version: "v1.2.3"}, "v1.2.3"},
		{"nothing", Info{Version: Unknown}, ""},
	} {
		require.Equal(t, x.want, x.info.ID(), x.why)
	}
}

func TestATestIsNoBuild(t *testing.T) {
	t.Parallel()
	require.Contains(t, Of().String(), Unknown)
}
