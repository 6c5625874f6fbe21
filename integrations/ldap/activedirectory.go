package ldap

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"
	"unicode/utf16"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/directory"
	"fermata/activities/fault"
)

// activeDirectory writes user objects.
type activeDirectory struct{ config Config }

const (
	accountControl = "userAccountControl"
	accountDisable = 0x2   // MS-ADTS, section 2.2.16.
	normalAccount  = 0x200 // See there.
	accountExpires = "accountExpires"
	// neverExpires is one of its two values for never; the other is 0.
	neverExpires = "9223372036854775807"
	// longestLogin is the limit of sAMAccountName for users (MS-ADTS, section 3.1.1.6).
	longestLogin = 20
	// epoch is 1970 in its time: units of 100 ns since 1601.
	epoch        = 116444736000000000
	ticksASecond = 10_000_000
)

func (activeDirectory) class() string { return "user" }
func (activeDirectory) login() string { return "sAMAccountName" }
func (activeDirectory) rdn() string   { return "CN" }

func (f activeDirectory) takes(a directory.Account) error {
	if len(a.Name) > longestLogin {
		return fault.New(fault.Invalid, "account %s: Active Directory takes login names of up to %d characters", a.Name, longestLogin)
	}
	return takesKeys(f.config, a)
}

// born gives the account a password that nobody knows: Active Directory makes an account without one only if it is disabled,
// or may have an empty one.
func (f activeDirectory) born(name string) map[string][]string {
	return map[string][]string{
		"objectClass":    {"top", "person", "organizationalPerson", "user"},
		"sAMAccountName": {name},
		accountControl:   {strconv.Itoa(normalAccount)},
		"unicodePwd":     {unknownPassword()},
	}
}

// unknownPassword is a random password as the attribute takes it: in quotes, in UTF-16 (MS-ADTS, section 3.1.1.3.1.5).
func unknownPassword() string {
	random := make([]byte, 48)
	_, _ = rand.Read(random) // It never fails.
	var quoted []byte
	for _, unit := range utf16.Encode([]rune(`"aA1!` + base64.RawStdEncoding.EncodeToString(random) + `"`)) {
		quoted = binary.LittleEndian.AppendUint16(quoted, unit)
	}
	return string(quoted)
}

func (f activeDirectory) wanted(a directory.Account) map[string][]string {
	entry := map[string][]string{"displayName": some(a.Display), "mail": some(a.Mail), accountExpires: {neverExpires}}
	if a.Expires != nil {
		entry[accountExpires] = []string{strconv.FormatInt(a.Expires.Unix()*ticksASecond+epoch, 10)}
	}
	if f.config.UPN != "" {
		entry["userPrincipalName"] = []string{a.Name + "@" + f.config.UPN}
	}
	if f.config.Keys.Attribute != "" {
		entry[f.config.Keys.Attribute] = a.Keys
	}
	return entry
}

func (activeDirectory) state() []string { return []string{accountExpires, accountControl} }

func (activeDirectory) expires(e *ldap.Entry) *time.Time {
	ticks, err := strconv.ParseInt(first(e, accountExpires), 10, 64)
	if err != nil || ticks == 0 || first(e, accountExpires) == neverExpires {
		return nil
	}
	at := time.Unix((ticks-epoch)/ticksASecond, 0).UTC()
	return &at
}

func (activeDirectory) disabled(e *ldap.Entry) bool { return controls(e)&accountDisable != 0 }

func controls(e *ldap.Entry) int {
	flags, _ := strconv.Atoi(first(e, accountControl))
	return flags
}

// disable changes one bit. The old value is named, so that a change by others in between is not undone.
func (activeDirectory) disable(e *ldap.Entry, off bool) *ldap.ModifyRequest {
	flags := controls(e) &^ accountDisable
	if off {
		flags |= accountDisable
	}
	change := ldap.NewModifyRequest(e.DN, nil)
	change.Delete(accountControl, []string{first(e, accountControl)})
	change.Add(accountControl, []string{strconv.Itoa(flags)})
	return change
}

// check has nothing to look for: Active Directory always heeds both.
func (activeDirectory) check(*session) error { return nil }
