package postgresql

import (
	"strconv"

	"fermata/activities/database"
	"fermata/activities/secret"
	"fermata/integrations/dbx"
)

// settings are the lines of a connection service file (libpq, "The Connection Service File"). Applications name it in
// PGSERVICEFILE and the service, which is called as the database, in PGSERVICE.
func (d *Driver) settings(c database.Credentials, ca string) []dbx.Setting {
	at := d.site.Endpoint
	all := []dbx.Setting{
		{Name: "host", Value: at.Host, Fixed: true},
		{Name: "port", Value: strconv.Itoa(at.Port), Fixed: true},
		{Name: "dbname", Value: c.Database},
		{Name: "user", Value: c.Role},
		{Name: "password", Value: c.Password.Text()},
	}
	if ca == "" {
		return append(all, dbx.Setting{Name: "sslmode", Value: "disable", Fixed: true})
	}
	return append(all, dbx.Setting{Name: "sslmode", Value: "verify-full", Fixed: true}, dbx.Setting{Name: "sslrootcert", Value: ca, Fixed: true})
}

// Render writes a service file.
func (d *Driver) Render(c database.Credentials, ca string) (secret.Value, error) {
	if err := dbx.CheckCredentials(c); err != nil {
		return secret.Value{}, err
	}
	return dbx.Render(c.Database, d.settings(c, ca)), nil
}

// Parse reads a service file.
func (d *Driver) Parse(content secret.Value, ca string) (database.Credentials, error) {
	found, err := dbx.Parse(content, d.settings(database.Credentials{}, ca))
	if err != nil {
		return database.Credentials{}, err
	}
	c := database.Credentials{Role: found["user"], Database: found["dbname"], Password: secret.NewValue([]byte(found["password"]))}
	return c, dbx.CheckCredentials(c)
}
