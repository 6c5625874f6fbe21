package spec

import (
	"fmt"
	"path"
	"strings"
)

func (c checker) access(access Access, customization string) {
	const at = "spec.access."
	c.form(at+"system", access.System, labelForm)
	c.form(at+"user", access.User, userForm)
	c.between(at+"port", access.Port, 1, 65535)
	if !c.Has(at + "userData") {
		return
	}
	if customization == VMware {
		c.Add(at+"userData", "expected either customization vmware or userData, found both: the guest reads user data only with "+
			"customization cloud-init")
		return
	}
	if c.Sound(at + "userData") {
		c.userData(at+"userData", access.UserData)
	}
}

// Places of the operating system: a volume mounted at one hides what is there.
var (
	systemTrees = []string{
		"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/root", "/run",
		"/sbin", "/sys", "/tmp", "/usr",
	}
	systemFolders = []string{
		"/", "/home", "/media", "/var", "/var/cache", "/var/lib", "/var/lib/apt", "/var/lib/cloud",
		"/var/lib/dpkg", "/var/lib/systemd", "/var/lock", "/var/log", "/var/run", "/var/spool", "/var/tmp",
	}
)

func (c checker) storage(volumes []Volume) {
	names, mounts := map[string]string{}, map[string]string{}
	for i, volume := range volumes {
		at := fmt.Sprintf("spec.storage[%d].", i)
		c.form(at+"name", volume.Name, labelForm)
		c.unique(at+"name", volume.Name, names)
		c.size(at+"size", volume.Size, minVolume, maxVolume, volumeStep)
		c.oneOf(at+"filesystem", volume.Filesystem, "ext4", "xfs")
		c.form(at+"owner", volume.Owner, ownerForm)
		c.form(at+"mode", volume.Mode, modeForm)
		c.mount(at+"mount", volume.Mount)
		c.unique(at+"mount", volume.Mount, mounts)
		for _, earlier := range volumes[:i] {
			if c.Sound(at+"mount") && strings.HasPrefix(earlier.Mount, volume.Mount+"/") {
				c.Add(at+"mount", "expected %s before %s, which is inside it, found it after", volume.Mount, earlier.Mount)
			}
		}
	}
}

func (c checker) mount(at, mount string) {
	if !c.absolute(at, mount) {
		return
	}
	system := false
	for _, folder := range systemFolders {
		system = system || mount == folder
	}
	for _, tree := range systemTrees {
		system = system || mount == tree || strings.HasPrefix(mount, tree+"/")
	}
	if system {
		c.Add(at, "expected a mount point of its own such as /srv/data, found %s, which belongs to the operating system", mount)
		return
	}
	c.form(at, mount, mountForm)
}

func (c checker) os(os OS) {
	const at = "spec.os."
	c.form(at+"timezone", os.Timezone, timezoneForm)
	packages, users, services := map[string]string{}, map[string]string{}, map[string]string{}
	for i, text := range os.Packages {
		place := fmt.Sprintf("%spackages[%d]", at, i)
		c.form(place, text, packageForm)
		name, _, _ := strings.Cut(text, "=")
		c.unique(place, name, packages)
	}
	for i, user := range os.Users {
		c.user(fmt.Sprintf("%susers[%d].", at, i), user, users)
	}
	for i, service := range os.Services {
		place := fmt.Sprintf("%sservices[%d].", at, i)
		c.form(place+"name", service.Name, serviceForm)
		c.unique(place+"name", service.Name, services)
		c.oneOf(place+"state", service.State, StateRunning, StateStopped)
	}
}

func (c checker) user(at string, user User, seen map[string]string) {
	c.form(at+"name", user.Name, userForm)
	if user.Name == "root" && c.Sound(at+"name") {
		c.Add(at+"name", "expected a user other than root, which every system has")
	}
	c.unique(at+"name", user.Name, seen)
	for name, value := range map[string]string{"home": user.Home, "shell": user.Shell} {
		if c.absolute(at+name, value) && strings.ContainsAny(value, ": ,\\") {
			// passwd(5) divides its fields by colons.
			c.Add(at+name, `expected a path without blanks and : , \, found %q`, value)
		}
	}
}

// files checks the files of the operating system and of the application together: no two may write one path.
func (c checker) files(os OS, app *Application, storage []Volume) {
	seen := map[string]string{}
	for i, file := range os.Files {
		at := fmt.Sprintf("spec.os.files[%d]", i)
		c.file(at, file, seen)
		c.besideVolumes(at+".path", file.Path, storage, false)
	}
	if app == nil {
		return
	}
	for i, file := range app.Config {
		at := fmt.Sprintf("spec.application.config[%d]", i)
		c.file(at, file, seen)
		c.besideVolumes(at+".path", file.Path, storage, true)
		if c.Sound(at + ".content") {
			if err := checkTemplate(file.Content); err != nil {
				c.Add(at+".content", "expected a template: %v", err)
			}
		}
	}
}

func (c checker) file(at string, file File, seen map[string]string) {
	if c.absolute(at+".path", file.Path) {
		c.writable(at+".path", file.Path)
	}
	c.unique(at+".path", file.Path, seen)
	c.form(at+".owner", file.Owner, ownerForm)
	c.form(at+".mode", file.Mode, modeForm)
	content, secret := c.Has(at+".content"), c.Has(at+".secret")
	switch {
	case content && secret:
		c.Add(at+".secret", "expected either content or secret, found both")
	case !content && !secret:
		c.Add(at+".content", "expected content or secret, found neither")
	}
	if c.Sound(at+".secret") && (!secretForm.match.MatchString(file.Secret) || strings.Contains(file.Secret, "..")) {
		// What stands here may be the secret itself.
		c.Add(at+".secret", "expected %s, found something else: put the value where a provider reads it, and name it here", secretForm.what)
	}
	if what := secretIn(file.Content); what != "" && c.Sound(at+".content") {
		c.Add(at+".content", "expected text without secrets, found %s: use secret: secret://provider/name", what)
	}
}

// besideVolumes refuses a file that is where a volume is mounted, and one that a volume hides: those of the operating
// system are written before volumes are mounted, as those of the application are not.
func (c checker) besideVolumes(at, file string, volumes []Volume, mounted bool) {
	if !c.Sound(at) {
		return
	}
	for _, volume := range volumes {
		switch {
		case volume.Mount == "":
		case file == volume.Mount:
			c.Add(at, "expected a file, found %s, where volume %s is mounted", file, volume.Name)
			return
		case !mounted && strings.HasPrefix(file, volume.Mount+"/"):
			c.Add(at, "expected a file on the system's own disk, found %s, which volume %s would hide when it is mounted at %s: "+
				"put it into application.config, which is written afterwards", file, volume.Name, volume.Mount)
			return
		}
	}
}

func (c checker) writable(at, file string) {
	for _, tree := range []string{"/proc", "/sys", "/dev"} {
		if file == tree || strings.HasPrefix(file, tree+"/") {
			c.Add(at, "expected a file on a disk, found %s", file)
			return
		}
	}
	if file == "/" || path.Base(file) == "." {
		c.Add(at, "expected a file, found %q", file)
	}
}
