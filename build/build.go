// Package build says which build of Fermata a program is of.
package build

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Unknown is what a build is called that nobody named: a test, or one outside a clone of the repository.
const Unknown = "(unknown build)"

// Info is what a program knows of its own build.
type Info struct {
	Version  string `json:"version"`            // Of the module, as the go command stamps it; else Unknown.
	Commit   string `json:"commit,omitempty"`   // That it was built from.
	Modified bool   `json:"modified,omitempty"` // Files differed from the commit.
	Go       string `json:"go"`
	Platform string `json:"platform"` // GOOS/GOARCH.
}

// Of reads what the go command wrote into the program.
func Of() Info {
	info, _ := debug.ReadBuildInfo()
	return of(info)
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
	if info.Main.Path == "fermata" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		i.Version = info.Main.Version
	}
	for _, dep := range info.Deps { // A worker of somebody's own: of which Fermata it is. The commit is its own repository's.
		if dep.Path == "fermata" {
			i.Version = dep.Version
		}
	}
	return i
}

// String is a line for --version: version, commit, the toolchain and what it was built for.
func (i Info) String() string {
	parts := []string{i.Version}
	if i.Commit != "" {
		commit := "commit " + i.Commit
		if i.Modified {
			commit += " with changes"
		}
		parts = append(parts, commit)
	}
	return strings.Join(append(parts, i.Go, i.Platform), ", ")
}
