package decision

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// options are what stands between the principals and the key of a line.
type options struct {
	authority   bool
	namespaces  string // pattern list; empty means any
	validAfter  int64  // seconds since 1970; 0 means always
	validBefore int64  // seconds since 1970; 0 means for ever
}

func (o options) permit(namespace string, at time.Time) error {
	if o.namespaces != "" && !matchList(namespace, o.namespaces) {
		return fmt.Errorf("the key may sign in the namespaces %q, not in %q", o.namespaces, namespace)
	}
	if o.validAfter != 0 && at.Unix() < o.validAfter {
		return fmt.Errorf("the key is valid only after %s", stamp(o.validAfter))
	}
	if o.validBefore != 0 && at.Unix() > o.validBefore {
		return fmt.Errorf("the key was valid until %s", stamp(o.validBefore))
	}
	return nil
}

func stamp(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }

// cutOptions takes the word of the options: blanks inside quotes belong to it.
func cutOptions(text string) (word, rest string, err error) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t'):
			return text[:i], strings.TrimLeft(text[i:], " \t"), nil
		}
	}
	if quoted {
		return "", "", errors.New("a quote in the options is not closed")
	}
	return "", "", fmt.Errorf("%q is neither a key type nor followed by a key", text)
}

// parseOptions reads "option[,option...]". Names may be in upper or lower case, as with OpenSSH.
func parseOptions(text string, zone *time.Location) (options, error) {
	var o options
	seen := map[string]bool{}
	for {
		i := strings.IndexAny(text, ",=")
		name, rest := text, ""
		if i >= 0 {
			name, rest = text[:i], text[i:]
		}
		name = strings.ToLower(name)
		value, assigned := strings.CutPrefix(rest, "=")
		if assigned {
			var err error
			if value, rest, err = unquote(value); err != nil {
				return options{}, fmt.Errorf("option %s: %w", name, err)
			}
		}
		if seen[name] && name != "cert-authority" {
			return options{}, fmt.Errorf("option %s: it is there twice", name)
		}
		seen[name] = true
		if err := o.set(name, value, assigned, zone); err != nil {
			return options{}, err
		}
		if rest == "" {
			return o, o.check()
		}
		var more bool
		if text, more = strings.CutPrefix(rest, ","); !more || text == "" {
			return options{}, fmt.Errorf("option %s: expected a comma and another option, or a blank, behind it", name)
		}
	}
}

func (o *options) set(name, value string, assigned bool, zone *time.Location) (err error) {
	switch {
	case name == "cert-authority" && !assigned:
		o.authority = true
	case name == "namespaces" && assigned:
		o.namespaces = value
		if value == "" {
			err = errors.New("it is empty: leave it out to allow every namespace")
		}
	case name == "valid-after" && assigned:
		o.validAfter, err = parseTime(value, zone)
	case name == "valid-before" && assigned:
		o.validBefore, err = parseTime(value, zone)
	default:
		return fmt.Errorf(`option %q is not known: expected cert-authority, namespaces="...", valid-after="..." or valid-before="..."`, name)
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	return nil
}

func (o options) check() error {
	if o.validAfter != 0 && o.validBefore != 0 && o.validBefore <= o.validAfter {
		return errors.New("valid-before is not after valid-after")
	}
	return nil
}

// unquote takes a quoted value, in which \" is a quote, from the front of text.
func unquote(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", errors.New("the value must stand in quotes")
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
			b.WriteByte('"')
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", errors.New("the quote is not closed")
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS; with Z or UTC behind it in UTC, else in the zone's standard
// time, in summer too: that is how OpenSSH reads it, and both must give one verdict.
func parseTime(text string, zone *time.Location) (int64, error) {
	digits, utc := cutUTC(text)
	if utc {
		zone = time.UTC
	}
	layout := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	if layout == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("%q is no time: expected YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC", text)
	}
	t, err := time.ParseInLocation(layout, digits, zone)
	if err != nil {
		return 0, fmt.Errorf("%q is no time that exists", text)
	}
	seconds := t.Unix() + saved(t)
	if seconds <= 0 {
		return 0, fmt.Errorf("%q is not after 1970", text)
	}
	return seconds, nil
}

// saved is by how many seconds the clock is ahead of standard time at t.
func saved(t time.Time) int64 {
	if !t.IsDST() {
		return 0
	}
	_, end := t.ZoneBounds()
	if end.IsZero() || end.IsDST() {
		return int64(time.Hour / time.Second)
	}
	_, summer := t.Zone()
	_, standard := end.Zone()
	return int64(summer - standard)
}

func cutUTC(text string) (digits string, utc bool) {
	upper := strings.ToUpper(text)
	for _, zone := range []string{"Z", "UTC"} {
		if digits, ok := strings.CutSuffix(upper, zone); ok {
			return digits, true
		}
	}
	return text, false
}
