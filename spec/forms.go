package spec

import "regexp"

// form is a pattern and what to call it. The patterns are valid for Go's regexp and for JSON Schema alike.
type form struct {
	pattern string
	what    string
	match   *regexp.Regexp
}

func newForm(pattern, what string) form {
	return form{pattern: pattern, what: what, match: regexp.MustCompile(pattern)}
}

// Forms of words that documents hold. They go to command lines, rule comments, ids and tickets: what a form admits can
// be written there without quoting surprises.
var (
	// RFC 1123, section 2.1, in lower case: a label of a host name.
	labelForm = newForm(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`,
		"up to 63 lower-case letters, digits and dashes, with no dash at either end (RFC 1123)")
	domainForm = newForm(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`,
		"a domain name in lower case such as estate.test")
	// Of the zone of an address; the slash is RFC 2317's.
	reverseForm = newForm(`^[a-z0-9]([a-z0-9/-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9/-]{0,61}[a-z0-9])?)*\.(in-addr|ip6)\.arpa$`,
		"a zone of addresses such as 0.20.10.in-addr.arpa")
	ruleForm     = newForm(`^[a-z0-9][a-z0-9-]{0,62}$`, "up to 63 lower-case letters, digits and dashes")
	valueForm    = newForm(`^[A-Za-z][A-Za-z0-9_]{0,62}$`, "the name of a value: up to 63 letters, digits and underscores, a letter first")
	labelKeyForm = newForm(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$`, "a label's key of up to 63 letters, digits, dots, dashes and slashes")
	tagForm      = newForm(`^[^/]+/[^/]+$`, `"category/tag"`)

	// useradd(8) of Debian, without the capital letters and the trailing dollar that it also takes.
	userForm  = newForm(`^[a-z_][a-z0-9_-]{0,31}$`, "a user name of up to 32 lower-case letters, digits, dashes and underscores")
	ownerForm = newForm(`^[a-z_][a-z0-9_-]{0,31}(:[a-z_][a-z0-9_-]{0,31})?$`, `"user" or "user:group"`)
	modeForm  = newForm(`^[0-7]{3,4}$`, `an octal mode such as "0755"`)

	// Names and ids of a cloud's images, sizes, networks, zones, keys and types of volumes.
	cloudForm = newForm(`^[A-Za-z0-9][A-Za-z0-9 ._:/()-]{0,254}$`, "a name or an id in the cloud, of letters, digits, blanks and . _ : / ( ) -")
	// A command of sudoers(5): what has a meaning of its own there stands in none.
	sudoForm  = newForm(`^/[A-Za-z0-9._/+-]+( [A-Za-z0-9._/+@%-]+)*$`, "a command such as /usr/bin/systemctl restart app: an absolute path, and arguments of letters, digits and . _ / + @ % -")
	mailForm  = newForm(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`, "an address such as anna@example.org")
	groupForm = newForm(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$`, "the name of a group, of up to 64 letters, digits, blanks, dots, dashes and underscores")
	// PostgreSQL cuts names at 63 bytes; MySQL's user names are up to 32 characters, two of which tell the logins apart.
	databaseForm = newForm(`^[a-z_][a-z0-9_]{0,62}$`, "up to 63 lower-case letters, digits and underscores, no digit first")
	roleForm     = newForm(`^[a-z_][a-z0-9_]{0,29}$`, "up to 30 lower-case letters, digits and underscores, no digit first")

	// A mount point stands in fstab, where blanks and hashes have a meaning.
	mountForm    = newForm(`^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`, "an absolute path of letters, digits, dots, dashes and underscores such as /srv/data")
	timezoneForm = newForm(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`, "a time zone such as Europe/Berlin")
	// systemd.unit(5), without the escape.
	serviceForm = newForm(`^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,254}$`, "the name of a service such as nginx or nginx.service")

	// Debian Policy, sections 5.6.1 (names) and 5.6.12 (versions).
	packageForm = newForm(`^[a-z0-9][a-z0-9+.-]+(=([0-9]+:)?[0-9][A-Za-z0-9.+~-]*)?$`, `"name" or "name=version" of a Debian package`)
	nameForm    = newForm(`^[a-z0-9][a-z0-9+.-]+$`, "the name of a Debian package")
	versionForm = newForm(`^([0-9]+:)?[0-9][A-Za-z0-9.+~-]*$`, "the version of a Debian package such as 1.2.0-1")
	// sources.list(5).
	suiteForm     = newForm(`^[A-Za-z0-9.][A-Za-z0-9._/+-]*$`, "a suite such as bookworm or stable")
	componentForm = newForm(`^[A-Za-z0-9][A-Za-z0-9._/+-]*$`, "a component such as main")

	sha256Form  = newForm(`^[0-9a-fA-F]{64}$`, "a SHA-256 of 64 hexadecimal digits")
	backendForm = newForm(`^[A-Za-z0-9_.:-]{1,63}$`, "the name of a backend: letters, digits and _ . : -")
	classForm   = newForm(`^[A-Za-z][A-Za-z0-9_.-]{0,79}$`, "the name of a class such as cmdb_ci_server")
	// The same as activities/secret reads.
	secretForm = newForm(`^secret://[a-z][a-z0-9-]*/[A-Za-z0-9][A-Za-z0-9._/-]*(#[A-Za-z0-9][A-Za-z0-9._-]*)?(@[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$`,
		"a reference secret://provider/name")
	urlForm   = newForm(`^https?://[^\s]+$`, "an http or https URL")
	addrForm  = newForm(`^[0-9A-Fa-f.:]+/[0-9]+$`, "an address with its prefix length such as 10.20.0.11/24")
	ipForm    = newForm(`^[0-9A-Fa-f.:]+$`, "an IP address")
	pathOfURL = newForm(`^/[^ #]*$`, `a path that begins with "/" such as /healthz`)
	pathForm  = newForm(`^/.*[^/]$`, "an absolute path")
)

// What a pattern of allowed_signers can hold: the file would read the rest as something else.
var principalForm = newForm(`^(![^, \t"]+|[^!, \t"][^, \t"]*)$`, "one principal or pattern without blanks, commas and quotes")

const durationPattern = `^\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$`
