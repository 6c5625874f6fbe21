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
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0123abcd"}
	for _, x := range []struct {
		why  string
		info *debug.BuildInfo
		want string
	}{
		{"nothing", nil, Unknown + on},
		{"a test", &debug.BuildInfo{Main: debug.Module{Path: "fermata", Version: "(devel)"}}, Unknown + on},
		{"a clean clone", &debug.BuildInfo{
			Main: debug.Module{Path: "fermata", Version: "v1.2.3"}, Settings: []debug.BuildSetting{commit, {Key: "vcs.modified", Value: "false"}},
		}, "v1.2.3, commit 0123abcd" + on},
		{"changed files", &debug.BuildInfo{
			Main: debug.Module{Path: "fermata", Version: "v1.2.3+dirty"}, Settings: []debug.BuildSetting{commit, {Key: "vcs.modified", Value: "true"}},
		}, "v1.2.3+dirty, commit 0123abcd with changes" + on},
		{"a worker of somebody's own", &debug.BuildInfo{
			Main: debug.Module{Path: "example.com/own", Version: "v9.9.9"}, Deps: []*debug.Module{{Path: "fermata", Version: "v1.2.3"}},
			Settings: []debug.BuildSetting{commit},
		}, "v1.2.3, commit 0123abcd" + on},
	} {
		require.Equal(t, x.want, of(x.info).String(), x.why)
	}
}

func TestATestIsNoBuild(t *testing.T) {
	t.Parallel()
	require.Contains(t, Of().String(), Unknown)
}
