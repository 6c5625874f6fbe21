package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/template"
)

// deb is one Debian package.
type deb struct {
	name, about string
	programs    []string
	units       []string          // In deploy/systemd.
	conffiles   map[string]string // Path on the machine: path in the repository. What a person changed there stays.
}

func debsOf() []deb {
	return []deb{
		{
			name: "fermata", about: "carry IT work through many systems and never lose its place", programs: []string{"fermata", "fermata-worker"},
			units: []string{"fermata-worker@.service"}, conffiles: map[string]string{"/etc/fermata/main.yaml": "deploy/systemd/main.yaml"},
		},
		{
			name: "fermata-temporal", about: "Temporal's server, with a role for each client's certificate", programs: []string{"fermata-temporal"},
			units: []string{"fermata-temporal.service"}, conffiles: map[string]string{
				"/etc/fermata/temporal/temporal.yaml": "deploy/temporal/temporal.yaml", "/etc/fermata/temporal/roles.yaml": "deploy/temporal/roles.yaml",
				"/etc/fermata/temporal/dynamic.yaml": "deploy/temporal/dynamic.yaml",
			},
		},
	}
}

// recipe is what nfpm reads. The units are installed, and neither enabled nor started: there is nothing to start before somebody
// has described the installation.
var recipe = template.Must(template.New("").Funcs(template.FuncMap{"base": filepath.Base}).Parse(`name: {{ .Name }}
arch: {{ .Arch }}
platform: linux
version: "{{ .Version }}"
section: admin
priority: optional
maintainer: The Fermata authors <fermata@example.com>
description: "{{ .About }}"
license: Apache-2.0
mtime: {{ .Time }}
depends: [ca-certificates]
deb: {compression: gzip}
contents:
{{- range .Programs }}
  - {src: "{{ . }}", dst: "/usr/bin/{{ base . }}", file_info: {mode: 0755}}
{{- end }}
{{- range .Units }}
  - {src: "deploy/systemd/{{ . }}", dst: "/lib/systemd/system/{{ . }}", file_info: {mode: 0644}}
{{- end }}
{{- range $at, $from := .Conffiles }}
  - {src: "{{ $from }}", dst: "{{ $at }}", type: config|noreplace, file_info: {mode: 0644}}
{{- end }}
  - {src: "LICENSE", dst: "/usr/share/doc/{{ .Name }}/copyright", file_info: {mode: 0644}}
  - {src: "CHANGELOG.md", dst: "/usr/share/doc/{{ .Name }}/CHANGELOG.md", file_info: {mode: 0644}}
scripts:
  postinstall: deploy/systemd/reload.sh
  postremove: deploy/systemd/reload.sh
`))

// debs makes the packages whose programs were built.
func (r *release) debs(ctx context.Context, p platform, folder string, programs []string) error {
	for _, d := range debsOf() {
		if !slices.Contains(programs, d.programs[0]) {
			continue
		}
		var paths []string
		for _, program := range d.programs {
			if slices.Contains(programs, program) {
				paths = append(paths, filepath.Join(folder, program))
			}
		}
		var text bytes.Buffer
		err := recipe.Execute(&text, map[string]any{
			"Name": d.name, "Arch": p.arch, "Version": r.number(), "About": d.about, "Time": r.time.Format("2006-01-02T15:04:05Z07:00"),
			"Programs": paths, "Units": d.units, "Conffiles": d.conffiles,
		})
		if err != nil {
			return fmt.Errorf("writing the recipe of %s: %w", d.name, err)
		}
		file := filepath.Join(folder, d.name+".nfpm.yaml")
		if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, filepath.Join(r.tools, "nfpm"), "package", "--packager", "deb", "--config", file, "--target", r.out) //nolint:gosec // Our own arguments.
		cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix()))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("packing %s: %w\n%s", d.name, err, out)
		}
	}
	return nil
}
