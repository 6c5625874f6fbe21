package spec

import (
	"fmt"
	"net/netip"
	"path"
	"reflect"
	"strings"

	"golang.org/x/crypto/ssh"
)

func (c checker) instance(s *Instance) {
	c.texts("", reflect.ValueOf(s).Elem())
	c.metadata(s.Metadata)
	c.cloud(s.Spec.Cloud)
	c.access(s.Spec.Access, CloudInit)
	c.storage(s.Volumes())
	for i, v := range s.Spec.Storage {
		at := fmt.Sprintf("spec.storage[%d].", i)
		c.size(at+"size", v.Size, minVolume, maxVolume, GiB)
		c.form(at+"type", v.Type, cloudForm)
	}
	c.os(s.Spec.OS)
	c.application(s.Spec.Application)
	c.files(s.Spec.OS, s.Spec.Application, s.Volumes())
	c.firewall(s.Spec.Firewall, s.Spec.Cloud.Address)
	c.accounts(s)
	c.database(s)
	c.desk(s.Spec.Ticket, s.Spec.Inventory)
	c.run(s.Spec.Run)
}

func (c checker) cloud(cloud Cloud) {
	const at = "spec.cloud."
	c.form(at+"system", cloud.System, labelForm)
	for name, value := range map[string]string{
		"image": cloud.Image, "flavor": cloud.Flavor, "network": cloud.Network, "public": cloud.Public, "zone": cloud.Zone, "keyPair": cloud.KeyPair,
	} {
		c.form(at+name, value, cloudForm)
	}
	c.ip(at+"address", cloud.Address)
	c.form(at+"domain", cloud.Domain, domainForm)
	for key := range cloud.Tags {
		switch {
		case !labelKeyForm.match.MatchString(key):
			c.AddKey(at+"tags."+key, "expected %s, found %q", labelKeyForm.what, key)
		case strings.HasPrefix(key, "fermata"):
			c.AddKey(at+"tags."+key, "expected a tag of one's own, found %q: those that begin with fermata say whose an object is", key)
		}
	}
}

func (c checker) accounts(s *Instance) {
	names := map[string]string{}
	for i, u := range s.Spec.OS.Users {
		names[u.Name] = fmt.Sprintf("spec.os.users[%d].name", i)
	}
	for i, a := range s.Spec.Accounts.Local {
		at := fmt.Sprintf("spec.accounts.local[%d].", i)
		c.form(at+"name", a.Name, userForm)
		c.unique(at+"name", a.Name, names)
		if (a.Name == "root" || a.Name == s.Spec.Access.User) && c.Sound(at+"name") {
			c.Add(at+"name", "expected an account other than root and access.user, found %s", a.Name)
		}
		c.each(at+"groups", a.Groups, userForm)
		c.keys(at+"keys", a.Keys)
		c.each(at+"sudo", a.Sudo, sudoForm)
		c.absolute(at+"shell", a.Shell)
	}
	seen := map[string]string{}
	for i, a := range s.Spec.Accounts.Directory {
		at := fmt.Sprintf("spec.accounts.directory[%d].", i)
		c.form(at+"system", a.System, labelForm)
		c.form(at+"name", a.Name, userForm)
		c.unique(at+"name", a.System+"/"+a.Name, seen)
		c.form(at+"mail", a.Mail, mailForm)
		c.each(at+"groups", a.Groups, groupForm)
		c.keys(at+"keys", a.Keys)
	}
}

// each checks every text of a list, and that none comes twice.
func (c checker) each(at string, values []string, form form) {
	seen := map[string]string{}
	for i, value := range values {
		place := fmt.Sprintf("%s[%d]", at, i)
		c.form(place, value, form)
		c.unique(place, value, seen)
	}
}

// keys refuses what is no public key on one line; options before one would give it another meaning.
func (c checker) keys(at string, keys []string) {
	seen := map[string]string{}
	for i, text := range keys {
		place := fmt.Sprintf("%s[%d]", at, i)
		if !c.Sound(place) {
			continue
		}
		_, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
		switch {
		case strings.Contains(text, "PRIVATE KEY"):
			c.Add(place, "expected a public key, found a private one: it is no secret any more, replace it")
		case err != nil || len(rest) > 0 || len(options) > 0:
			c.Add(place, "expected a public key such as \"ssh-ed25519 AAAA... anna\", found something else")
		}
		c.unique(place, text, seen)
	}
}

func (c checker) database(s *Instance) {
	d := s.Spec.Database
	if d == nil {
		return
	}
	const at = "spec.database."
	c.form(at+"system", d.System, labelForm)
	c.form(at+"name", d.Name, databaseForm)
	c.form(at+"role", d.Role, roleForm)
	c.oneOf(at+"access", d.Access, AccessReadOnly, AccessReadWrite, AccessOwner)
	c.oneOf(at+"onDecommission", d.OnDecommission, DatabaseKeep, DatabaseArchive, DatabaseDrop)
	if c.Sound(at+"password") && (!secretForm.match.MatchString(d.Password) || strings.Contains(d.Password, "..") || strings.Contains(d.Password, "@")) {
		// What stands here may be the secret itself.
		c.Add(at+"password", "expected a reference without a version such as secret://vault/kv/app-01/database#password, found something else: "+
			"the password is generated and kept there")
	}
	if c.Has(at+"overlap") && c.Sound(at+"overlap") && d.Overlap <= 0 {
		c.Add(at+"overlap", "expected a length of time above zero, found %s", d.Overlap)
	}
	if c.absolute(at+"file.path", d.File.Path) {
		c.writable(at+"file.path", d.File.Path)
	}
	for _, f := range append(append([]File{}, s.Spec.OS.Files...), configOf(s.Spec.Application)...) {
		if f.Path == d.File.Path && c.Sound(at+"file.path") {
			c.Add(at+"file.path", "expected a file of its own, found %s, which the spec writes already", path.Clean(f.Path))
		}
	}
	c.form(at+"file.owner", d.File.Owner, ownerForm)
	c.oneOf(at+"file.mode", d.File.Mode, "0400", "0440", "0600", "0640")
}

func configOf(a *Application) []File {
	if a == nil {
		return nil
	}
	return a.Config
}

// Fixed reports the instance's address in its network, if the document says it.
func (s *Instance) Fixed() (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s.Spec.Cloud.Address)
	return addr, err == nil
}
