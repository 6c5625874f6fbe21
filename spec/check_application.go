package spec

import (
	"fmt"
	"strings"
)

func (c checker) application(app *Application) {
	if app == nil {
		return
	}
	const at = "spec.application"
	switch {
	case c.Has(at+".package") && c.Has(at+".archive"):
		c.Add(at+".archive", "expected either package or archive, found both")
	case !c.Has(at+".package") && !c.Has(at+".archive"):
		c.Add(at+".package", "expected package or archive, found neither")
	}
	if app.Package != nil {
		c.pkg(at+".package.", *app.Package)
	}
	if app.Archive != nil {
		c.url(at+".archive.url", app.Archive.URL)
		c.form(at+".archive.sha256", app.Archive.SHA256, sha256Form)
		c.into(at+".archive.into", app.Archive.Into)
	}
	c.form(at+".service", app.Service, serviceForm)
	c.health(at+".health.", app.Health)
}

func (c checker) pkg(at string, pkg Package) {
	c.form(at+"name", pkg.Name, nameForm)
	c.form(at+"version", pkg.Version, versionForm)
	if pkg.Repository == nil {
		return
	}
	at += "repository."
	c.url(at+"uri", pkg.Repository.URI)
	c.form(at+"suite", pkg.Repository.Suite, suiteForm)
	for i, component := range pkg.Repository.Components {
		c.form(fmt.Sprintf("%scomponents[%d]", at, i), component, componentForm)
	}
	key := strings.TrimSpace(pkg.Repository.Key)
	switch {
	case !c.Sound(at + "key"):
	case strings.Contains(key, "PRIVATE KEY"):
		c.Add(at+"key", "expected the repository's public key, found a private one: take it out of circulation")
	case !strings.HasPrefix(key, "-----BEGIN PGP PUBLIC KEY BLOCK-----") || !strings.HasSuffix(key, "-----END PGP PUBLIC KEY BLOCK-----"):
		c.Add(at+"key", "expected an armored public key (-----BEGIN PGP PUBLIC KEY BLOCK-----), found something else")
	}
}

// into is a folder that an archive is unpacked into: its own, so that it can be replaced as a whole.
func (c checker) into(at, folder string) {
	if !c.absolute(at, folder) {
		return
	}
	c.form(at, folder, mountForm)
	if c.Sound(at) && strings.Count(folder, "/") < 2 {
		c.Add(at, "expected a folder of the application's own such as /opt/shop, found %s", folder)
	}
}

func (c checker) health(at string, health Health) {
	c.form(at+"system", health.System, labelForm)
	c.between(at+"port", health.Port, 1, 65535)
	c.between(at+"status", health.Status, 100, 599)
	c.form(at+"path", health.Path, pathOfURL)
}
