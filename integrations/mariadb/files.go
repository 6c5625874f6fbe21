package mariadb

import (
	"strconv"

	"fermata/activities/database"
	"fermata/activities/secret"
	"fermata/integrations/dbx"
)

// settings are the lines of an option file's section [client]. A word behind "loose-" is passed over by programs that do not
// know it: only some connect to a database.
func (c Config) settings(at dbx.Address, user, db string, password secret.Value, ca string) []dbx.Setting {
	all := []dbx.Setting{
		{Name: "protocol", Value: "TCP", Fixed: true},
		{Name: "host", Value: at.Host, Fixed: true},
		{Name: "port", Value: strconv.Itoa(at.Port), Fixed: true},
		{Name: "user", Value: user},
		{Name: "password", Value: password.Text()},
	}
	if db != "" {
		all = append(all, dbx.Setting{Name: "loose-database", Value: db})
	}
	if ca != "" {
		all = append(all, dbx.Setting{Name: "ssl-ca", Value: ca, Fixed: true})
	}
	return append(all, c.verification(ca != ""))
}

// verification is the word that has a client verify the server, or not ask for TLS.
func (c Config) verification(byTLS bool) dbx.Setting {
	switch {
	case c.Vendor == vendorMySQL && byTLS:
		return dbx.Setting{Name: "ssl-mode", Value: "VERIFY_IDENTITY", Fixed: true}
	case c.Vendor == vendorMySQL:
		return dbx.Setting{Name: "ssl-mode", Value: "DISABLED", Fixed: true}
	case byTLS:
		return dbx.Setting{Name: "ssl-verify-server-cert", Value: "1", Fixed: true}
	}
	return dbx.Setting{Name: "ssl", Value: "0", Fixed: true}
}

// Render writes an option file.
func (d *Driver) Render(c database.Credentials, ca string) (secret.Value, error) {
	if err := dbx.CheckCredentials(c); err != nil {
		return secret.Value{}, err
	}
	return dbx.Render("client", d.config.settings(d.site.Endpoint, c.Role, c.Database, c.Password, ca)), nil
}

// Parse reads an option file.
func (d *Driver) Parse(content secret.Value, ca string) (database.Credentials, error) {
	found, err := dbx.Parse(content, d.config.settings(d.site.Endpoint, "", "x", secret.Value{}, ca))
	if err != nil {
		return database.Credentials{}, err
	}
	c := database.Credentials{Role: found["user"], Database: found["loose-database"], Password: secret.NewValue([]byte(found["password"]))}
	return c, dbx.CheckCredentials(c)
}
