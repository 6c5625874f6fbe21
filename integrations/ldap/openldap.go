package ldap

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"fermata/activities/directory"
	"fermata/activities/fault"
)

// openLDAP writes inetOrgPerson (RFC 2798), with posixAccount and shadowAccount (RFC 2307) where hosts need them.
type openLDAP struct{ config Config }

const (
	// lockedTime is the operational attribute of slapo-ppolicy that locks an account; lockedForEver the value that no lapse of
	// time undoes. The overlay heeds it only under a policy with pwdLockout TRUE.
	lockedTime    = "pwdAccountLockedTime"
	lockedForEver = "000001010000Z"
	// endTime refuses a login from then on. The overlay heeds it under any policy.
	endTime      = "pwdEndTime"
	shadowExpire = "shadowExpire"
	secondsADay  = 24 * 60 * 60
)

func (openLDAP) class() string { return "inetOrgPerson" }
func (openLDAP) login() string { return "uid" }
func (openLDAP) rdn() string   { return "uid" }

func (f openLDAP) takes(a directory.Account) error {
	if a.Expires != nil && f.config.Disable.Policy == "" && f.config.Posix == nil {
		return fault.New(fault.Invalid, "account %s: nothing in this directory ends an account (its configuration has neither disable.policy nor posix)", a.Name)
	}
	return takesKeys(f.config, a)
}

func (f openLDAP) born(name string) map[string][]string {
	entry := map[string][]string{"objectClass": {"inetOrgPerson"}}
	if f.config.Keys.Class != "" {
		entry["objectClass"] = append(entry["objectClass"], f.config.Keys.Class)
	}
	if p := f.config.Posix; p != nil {
		entry["objectClass"] = append(entry["objectClass"], "posixAccount", "shadowAccount")
		entry["gidNumber"] = []string{strconv.Itoa(p.GID)}
		entry["homeDirectory"] = []string{p.Home + "/" + name}
		entry["loginShell"] = []string{p.Shell}
	}
	return entry
}

func (f openLDAP) wanted(a directory.Account) map[string][]string {
	called := a.Display
	if called == "" {
		called = a.Name
	}
	entry := map[string][]string{"cn": {called}, "sn": {called}, "displayName": some(a.Display), "mail": some(a.Mail)}
	if f.config.Keys.Attribute != "" {
		entry[f.config.Keys.Attribute] = a.Keys
	}
	if f.config.Disable.Policy != "" {
		entry[endTime] = nil
		if a.Expires != nil {
			entry[endTime] = []string{a.Expires.UTC().Format(generalizedTime)}
		}
	}
	if f.config.Posix != nil {
		entry[shadowExpire] = nil
		if a.Expires != nil { // The first day on which hosts let it in no more: never before the end, at most a day behind it.
			entry[shadowExpire] = []string{strconv.FormatInt((a.Expires.Unix()+secondsADay-1)/secondsADay, 10)}
		}
	}
	return entry
}

func (f openLDAP) state() []string {
	names := []string{endTime, shadowExpire, lockedTime}
	if f.config.Disable.Attribute != "" {
		names = append(names, f.config.Disable.Attribute)
	}
	return names
}

func (openLDAP) expires(e *ldap.Entry) *time.Time {
	if at, err := time.Parse(generalizedTime, first(e, endTime)); err == nil {
		return &at
	}
	if days, err := strconv.ParseInt(first(e, shadowExpire), 10, 32); err == nil && days > 0 {
		at := time.Unix(days*secondsADay, 0).UTC()
		return &at
	}
	return nil
}

func (f openLDAP) disabled(e *ldap.Entry) bool {
	if f.config.Disable.Policy != "" {
		return first(e, lockedTime) == lockedForEver // Another time is that of wrong passwords, and passes.
	}
	return strings.EqualFold(first(e, f.config.Disable.Attribute), f.config.Disable.Value)
}

func (f openLDAP) disable(e *ldap.Entry, off bool) *ldap.ModifyRequest {
	attribute, value := lockedTime, lockedForEver
	if f.config.Disable.Policy == "" {
		attribute, value = f.config.Disable.Attribute, f.config.Disable.Value
	}
	change := ldap.NewModifyRequest(e.DN, nil)
	if off {
		change.Replace(attribute, []string{value})
	} else {
		change.Replace(attribute, nil)
	}
	return change
}

// check looks whether a lock would be heeded.
func (f openLDAP) check(s *session) error {
	dn := f.config.Disable.Policy
	if dn == "" {
		return nil
	}
	doing := "looking at the password policy"
	found, err := s.search(dn, ldap.ScopeBaseObject, "(objectClass=*)", []string{"pwdLockout"}, doing)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return fault.New(fault.NotFound, "%s: %s is not there, or this account may not read it", doing, dn)
	case !strings.EqualFold(first(found[0], "pwdLockout"), "TRUE"):
		return fault.New(fault.Invalid, "%s: %s", doing, fmt.Sprintf("%s lacks pwdLockout: TRUE, without which the directory ignores that an account is locked", dn))
	}
	return nil
}
