// Package build says which build of Fermata a program is of.
package build

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Unknown is what a build is called that nobody named: a test, or one outside a clone of the repository.
const Unknown = "(unknown build)"

// The linker's to set, as `make dist` does: -ldflags '-X fermata/build.version=v1.2.3 -X fermata/build.commit=0123abcd'. They
// count more than what the go command stamps, which it does in a plain clone only.
var version, commit string

// Info is what a program knows of its own build.
type Info struct {
	Version  string `json:"version"`            // Of the module; Unknown where nobody says.
	Commit   string `json:"commit,omitempty"`   // That it was built from.
	Modified bool   `json:"modified,omitempty"` // Files differed from the commit.
	Go       string `json:"go"`
	Platform string `json:"platform"` // GOOS/GOARCH.
}

// Of reads what the linker and the go command wrote into the program.
func Of() Info {
	info, _ := debug.ReadBuildInfo()
	i := of(info)
	if version != "" {
		i.Version = version
	}
	if commit != "" {
		i.Commit, i.Modified = commit, strings.HasSuffix(version, "-modified")
	}
	return i
}

func of(info *debug.BuildInfo) Info {
	i := Info{Version: Unknown, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return i
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Commit = s.Value
		case "vcs.modified":
			i.Modified = s.Value == "true"
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		i.Version = v
	}
	for _, dep := range info.Deps { // A worker of somebody's own: of which Fermata it is. The commit is its own repository's.
		if dep.Path == "fermata" {
			i.Version = dep.Version
		}
	}
	return i
}

// ID tells builds apart: the commit, with "-modified" if files differed from it, else the version; empty where nobody knows.
func (i Info) ID() string {
	switch {
	case i.Commit != "" && i.Modified:
		return i.Commit + "-modified"
	case i.Commit == "" && i.Version == Unknown:
		return ""
	case i.Commit == "":
		return i.Version
	}
	return i.Commit
}

// String is a line for --version: version, commit, the toolchain and what it was built for.
func (i Info) String() string {
	parts := []string{i.Version}
	if i.Commit != "" {
		parts = append(parts, "commit "+strings.Replace(i.ID(), "-modified", " with changes", 1))
	}
	return strings.Join(append(parts, i.Go, i.Platform), ", ")
}
