package linux

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
)

// keepScript copies what is about to change, with owner and mode. What stands under the key already is the image of before:
// an attempt that follows must not take its own work for it. The images of runs before go: those have ended.
//
// $1 the run's folder, $2 the image's folder in it, $3 the archive's folder or "", then the files.
const keepScript = `set -eu
run=$1 image=$2 archive=$3
shift 3
if [ -e "$image/complete" ]; then exit 0; fi
mkdir -p /var/lib/fermata/images
chmod 0700 /var/lib/fermata/images
for other in /var/lib/fermata/images/*; do
  if [ "$other" != "$run" ]; then rm -rf "$other"; fi
done
rm -rf "$image"
mkdir -p "$image"
n=0
for file; do
  n=$((n + 1))
  if [ -e "$file" ]; then cp -a "$file" "$image/$n"; else printf '' > "$image/$n.absent"; fi
done
if [ -n "$archive" ] && [ -e "$archive" ]; then cp -a "$archive" "$image/archive"; fi
sync
printf '' > "$image/complete"
`

// imageState prints "kept" if there is an image.
const imageState = `if [ -e "$1/complete" ]; then echo kept; fi`

// backScript puts one file back, or takes it away where there was none. $1 image, $2 number, $3 file.
const backScript = `set -eu
if [ -e "$1/$2.absent" ]; then rm -f "$3"; exit 0; fi
cp -a "$1/$2" "$3.fermata-new"
mv -f "$3.fermata-new" "$3"
`

// likeImage exits with 0 if the file is as the image has it. $1 image, $2 number, $3 file.
const likeImage = `if [ -e "$1/$2.absent" ]; then
  if [ -e "$3" ]; then exit 1; fi
  exit 0
fi
if [ ! -e "$3" ]; then exit 1; fi
cmp -s "$1/$2" "$3" || exit 1
if [ "$(stat -c '%a %U %G' "$1/$2")" != "$(stat -c '%a %U %G' "$3")" ]; then exit 1; fi
`

// unpackedScript puts the folder of an archive back. $1 image, $2 folder.
const unpackedScript = `set -eu
new="$2.fermata-new"; old="$2.fermata-old"
rm -rf "$new" "$old"
if [ -e "$1/archive" ]; then cp -a "$1/archive" "$new"; fi
if [ -e "$2" ]; then mv -f "$2" "$old"; fi
if [ -e "$new" ]; then mv -f "$new" "$2"; fi
rm -rf "$old"
`

// downgradeScript is installScript for a version that may be older than the one installed.
const downgradeScript = aptInstall + ` --allow-downgrades install "$@"
`

// images is where a guest keeps what a run is about to change.
func images(op operation.Op) string {
	return path.Join(stateDir, "images", operation.Key{Run: op.Key.Run}.UUID().String())
}

// image is where a guest keeps what an operation is about to change.
func image(op operation.Op) string { return path.Join(images(op), op.Key.UUID().String()) }

// EnsureImage keeps what is about to change.
func (a *Access) EnsureImage(ctx context.Context, op operation.Op, h guest.Host, r guest.ImageRequest, p operation.Progress) error {
	m := a.machine(h, p)
	files, err := imaged(op, r)
	if err != nil {
		return err
	}
	p.Say("keeping an image of before")
	archive := ""
	if r.Application != nil && r.Application.Archive != nil {
		archive = r.Application.Archive.Into
	}
	args := []string{images(op), image(op), archive}
	for _, f := range files {
		args = append(args, f.Path)
	}
	return m.must(ctx, "keeping an image of before", keepScript, args...)
}

// imaged are all files that the change writes: those asked for, and those that tell apt of a repository.
func imaged(op operation.Op, r guest.ImageRequest) ([]spec.File, error) {
	files := r.Files[:len(r.Files):len(r.Files)]
	if app := r.Application; app != nil && app.Package != nil && app.Package.Repository != nil {
		more, err := repositoryFiles(op, app.Package.Name, *app.Package.Repository)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	for _, f := range files {
		if err := checkPath(f.Path); err != nil {
			return nil, err
		}
	}
	if app := r.Application; app != nil && app.Archive != nil {
		if err := checkInto(app.Archive.Into); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// RestoreImage puts back what the image holds.
func (a *Access) RestoreImage(ctx context.Context, op operation.Op, h guest.Host, r guest.ImageRequest, s guest.Secrets, p operation.Progress) (guest.Changes, error) {
	m := a.machine(h, p)
	i := &restoration{machine: m, op: op, request: r, secrets: s, folder: image(op)}
	if err := i.restore(ctx); err != nil {
		return m.did, fmt.Errorf("putting %s back: %w", h.Name, err)
	}
	return m.did, nil
}

type restoration struct {
	*machine
	op      operation.Op
	request guest.ImageRequest
	secrets guest.Secrets
	folder  string
	changed []string // By others: left as it is.
	noted   bool
}

func (r *restoration) restore(ctx context.Context) error {
	files, err := imaged(r.op, r.request)
	if err != nil {
		return err
	}
	kept, err := r.output(ctx, "looking for the image of before", imageState, r.folder)
	if err != nil || kept == "" {
		return err
	}
	r.said.Say("putting back what was before")
	for n, f := range files {
		if err := r.file(ctx, strconv.Itoa(n+1), f); err != nil {
			return err
		}
	}
	app := r.request.Application
	if app != nil && app.Archive != nil {
		if err := r.archive(ctx, *app.Archive); err != nil {
			return err
		}
	}
	if app != nil && app.Package != nil {
		if err := r.packageBack(ctx, *app.Package); err != nil {
			return err
		}
	}
	if app != nil && app.Service != "" {
		if err := r.serviceOf(ctx, app.Service); err != nil {
			return err
		}
	}
	if len(r.changed) > 0 {
		return fault.New(fault.Conflict, "changed by others, and left as it is: %s", strings.Join(r.changed, ", "))
	}
	return nil
}

// before is called ahead of each change: the service must see it.
func (r *restoration) before(ctx context.Context) error {
	if r.noted || r.request.Application == nil {
		return nil
	}
	r.noted = true
	return r.rememberRestart(ctx, r.request.Application.Service)
}

func (r *restoration) file(ctx context.Context, number string, f spec.File) error {
	found, err := r.read(ctx, likeImage, r.folder, number, f.Path)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "looking at "+f.Path)
	}
	if found.Exit == 0 {
		return nil
	}
	w, err := want(f, r.secrets)
	if err != nil {
		return err
	}
	ours, err := r.isAsWanted(ctx, w)
	if err != nil {
		return err
	}
	if !ours {
		r.changed = append(r.changed, "file "+f.Path)
		return nil
	}
	if err := r.before(ctx); err != nil {
		return err
	}
	if err := r.must(ctx, "putting back "+f.Path, backScript, r.folder, number, f.Path); err != nil {
		return err
	}
	r.note("file " + f.Path + " as before")
	return nil
}

func (r *restoration) archive(ctx context.Context, a spec.Archive) error {
	now, err := r.output(ctx, "looking at "+a.Into, archiveState, a.Into)
	if err != nil {
		return err
	}
	was := r.request.Archive
	switch {
	case now == was, now == "none" && was == "":
		return nil
	case now != strings.ToLower(a.SHA256):
		r.changed = append(r.changed, "archive in "+a.Into)
		return nil
	}
	if err := r.before(ctx); err != nil {
		return err
	}
	if err := r.must(ctx, "putting back the archive", unpackedScript, r.folder, a.Into); err != nil {
		return err
	}
	r.note("archive in " + a.Into + " as before")
	return nil
}

// packageBack installs the version of before. A package that was not there before stays: nothing is uninstalled.
func (r *restoration) packageBack(ctx context.Context, p spec.Package) error {
	versions, err := r.versions(ctx, []string{p.Name})
	if err != nil {
		return err
	}
	was, now := r.request.Version, versions[p.Name]
	switch {
	case now == was || was == "":
		return nil
	case now != p.Version && now != "": // An upgrade that was interrupted leaves a package that counts as not installed.
		r.changed = append(r.changed, "package "+p.Name+" "+now)
		return nil
	}
	if !nameForm.MatchString(p.Name) || !versionForm.MatchString(was) {
		return fault.New(fault.Invalid, "%q in version %q is no package", p.Name, was)
	}
	if err := r.before(ctx); err != nil {
		return err
	}
	if err := r.apt(ctx, "installing "+p.Name+"="+was, downgradeScript, p.Name+"="+was); err != nil {
		return err
	}
	r.note("package " + p.Name + "=" + was)
	return nil
}
