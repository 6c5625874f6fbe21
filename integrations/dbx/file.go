package dbx

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/secret"
)

// Setting is a line of a connection file. One that is fixed has the same value in every file of a server.
type Setting struct {
	Name, Value string
	Fixed       bool
}

var (
	sectionForm = regexp.MustCompile(`^\[[a-z][a-z0-9_]{0,62}\]$`)
	settingForm = regexp.MustCompile(`^([a-z][a-z0-9-]*)=([A-Za-z0-9_./:+-]+)$`)
)

// CheckCredentials refuses what a connection file could be read otherwise with. Fault: Invalid.
func CheckCredentials(c database.Credentials) error {
	if err := database.CheckRole(c.Role); err != nil {
		return err
	}
	if err := database.CheckDatabase(c.Database); err != nil {
		return err
	}
	return CheckPassword(c.Password)
}

// Render writes a file of one section. No value needs quoting: Parse would refuse it.
func Render(section string, settings []Setting) secret.Value {
	var b bytes.Buffer
	b.WriteString("# Written by Fermata, and again with each new password.\n[" + section + "]\n")
	for _, s := range settings {
		b.WriteString(s.Name + "=" + s.Value + "\n")
	}
	return secret.NewValue(b.Bytes())
}

// Parse reads what Render wrote and returns the settings that are not fixed. It is as strict as it is simple, and quotes nothing
// of what it read: there is a password in it. Faults: Invalid; Conflict for other settings, or a
// fixed one with another value.
func Parse(content secret.Value, settings []Setting) (map[string]string, error) {
	found := map[string]string{}
	sections := 0
	lines := bufio.NewScanner(bytes.NewReader(content.Reveal()))
	for lines.Scan() {
		line := lines.Text()
		setting := settingForm.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case sectionForm.MatchString(line):
			sections++
		case setting == nil || sections != 1 || found[setting[1]] != "":
			return nil, fault.New(fault.Invalid, "the connection file has a line that Fermata did not write")
		default:
			found[setting[1]] = setting[2]
		}
	}
	if lines.Err() != nil || sections != 1 {
		return nil, fault.New(fault.Invalid, "the connection file is none that Fermata wrote")
	}
	for _, s := range settings {
		if value, ok := found[s.Name]; !ok || len(found) != len(settings) || s.Fixed && value != s.Value {
			return nil, fault.New(fault.Conflict, "the connection file is for another server, or was changed: expected %d settings, and %s as Fermata writes it", len(settings), s.Name)
		}
	}
	return found, nil
}

// Quoted is a password as option files of MariaDB and MySQL have it: that of the driver's own account may hold anything.
func Quoted(password secret.Value) secret.Value {
	text := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(password.Text())
	return secret.NewValue([]byte(`"` + text + `"`))
}
