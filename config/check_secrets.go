package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"fermata/spec/document"
)

// pathOfVault is a mount or a namespace.
var pathOfVault = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)

func (c checker) secrets(secrets Secrets) {
	const at = "spec.secrets"
	kinds := slices.Sorted(maps.Keys(secrets.names()))
	if c.Sound(at) && !slices.ContainsFunc(kinds, func(kind string) bool { return c.Has(at + "." + kind) }) {
		c.Add(at, "expected at least one of %s, found none", strings.ReplaceAll(document.Or(kinds), " or ", " and "))
	}
	if secrets.File != nil {
		c.line(at+".file.folder", secrets.File.Folder)
	}
	if secrets.Env != nil && c.Sound(at+".env.prefix") && !prefixForm.MatchString(secrets.Env.Prefix) {
		c.Add(at+".env.prefix", "expected the beginning of variables' names such as FERMATA_SECRET_, found %q", secrets.Env.Prefix)
	}
	if secrets.Age != nil {
		c.age(at+".age", *secrets.Age)
	}
	if secrets.Vault != nil {
		c.vault(at+".vault", *secrets.Vault)
	}
	if secrets.Exec != nil {
		c.helper(at+".exec", *secrets.Exec)
	}
}

// publicKey is what age-keygen -y prints.
var publicKey = regexp.MustCompile(`^age1[a-z0-9]+$`)

func (c checker) age(at string, a SecretAge) {
	c.line(at+".file", a.File)
	c.line(at+".identity", a.Identity)
	if c.Sound(at) && a.Writable && len(a.Recipients) == 0 && (c.Sound(at+".recipients") || !c.Has(at+".recipients")) {
		c.Add(at+".recipients", "expected the public keys of all who read the file, found none: it is encrypted anew when it is written")
	}
	for i, key := range a.Recipients { // What is no public key is not repeated: it may be a private one.
		if place := fmt.Sprintf("%s.recipients[%d]", at, i); c.Sound(place) && !publicKey.MatchString(key) {
			c.Add(place, "expected a public key such as age1..., as age-keygen -y prints it, found something else")
		}
	}
}

func (c checker) vault(at string, v SecretVault) {
	if why := vaultAddress(v.Address); why != "" && c.Sound(at+".address") {
		c.Add(at+".address", "%s", why)
	}
	c.line(at+".ca", v.CA)
	c.vaultPath(at+".namespace", v.Namespace)
	for i, path := range v.Writable {
		c.vaultPath(fmt.Sprintf("%s.writable[%d]", at, i), path)
	}
	if c.Sound(at+".timeout") && v.Timeout <= 0 {
		c.Add(at+".timeout", "expected a length of time above zero, found %s", v.Timeout)
	}
	role, file := c.Has(at+".auth.approle"), c.Has(at+".auth.tokenFile")
	switch {
	case !c.Sound(at + ".auth"):
	case role && file:
		c.Add(at+".auth.tokenFile", "expected either approle or tokenFile, found both")
	case !role && !file:
		c.Add(at+".auth", "expected approle or tokenFile, found neither")
	}
	c.credentialFile(at+".auth.tokenFile", v.Auth.TokenFile)
	if v.Auth.AppRole != nil {
		c.line(at+".auth.approle.roleId", v.Auth.AppRole.RoleID)
		c.credentialFile(at+".auth.approle.secretIdFile", v.Auth.AppRole.SecretIDFile)
		c.vaultPath(at+".auth.approle.mount", v.Auth.AppRole.Mount)
	}
}

func (c checker) vaultPath(at, path string) {
	if c.Sound(at) && (!pathOfVault.MatchString(path) || strings.Contains(path, "..")) {
		c.Add(at, "expected a path such as team-a, without slashes at its ends, found %q", path)
	}
}

// credentialFile refuses what is no file's name: a reference, which Vault itself would have to answer, and a token, which is
// not repeated.
func (c checker) credentialFile(at, path string) {
	switch {
	case !c.Sound(at):
	case strings.HasPrefix(path, "secret://"):
		c.Add(at, "expected the path of a file, found a reference: the credential for Vault cannot come out of a provider")
	case strings.HasPrefix(path, "hvs.") || strings.HasPrefix(path, "s."):
		c.Add(at, "expected the path of a file, found what looks like a token: put it into a file of mode 0600, and name that here")
	default:
		c.line(at, path)
	}
}

// vaultAddress says what is wrong with an address, without repeating one that may hold a password.
func vaultAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "expected the address of the API such as https://vault.example.net:8200, without anything behind it"
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return ""
	}
	return "expected https: secrets would cross the network in clear text"
}

func (c checker) helper(at string, e SecretExec) {
	switch {
	case !c.Sound(at + ".command"):
	case len(e.Command) == 0:
		c.Add(at+".command", "expected a program and its arguments, found none")
	case c.Sound(at+".command[0]") && !filepath.IsAbs(e.Command[0]):
		c.Add(at+".command[0]", "expected the absolute path of a program, found %q", e.Command[0])
	}
	if c.Sound(at+".timeout") && e.Timeout <= 0 {
		c.Add(at+".timeout", "expected a length of time above zero, found %s", e.Timeout)
	}
	for i, name := range e.Env {
		if place := fmt.Sprintf("%s.env[%d]", at, i); c.Sound(place) && !prefixForm.MatchString(name) {
			c.Add(place, "expected the name of a variable, found %q", name)
		}
	}
}
