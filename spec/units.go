package spec

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Size is an amount of memory or storage in bytes; documents write it with a binary unit: 4GiB, 512MiB.
type Size int64

// Binary units.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

var sizeUnits = []struct {
	name string
	size Size
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}}

const sizePattern = `^[0-9]+(KiB|MiB|GiB|TiB)$`

var (
	sizeForm  = regexp.MustCompile(sizePattern)
	bytesForm = regexp.MustCompile(`^(-?[0-9]+)(B|KiB|MiB|GiB|TiB)$`)
)

// String writes the size in the largest unit that divides it: 4GiB, 1536MiB. What is no multiple of 1KiB is written
// in bytes: 1500B.
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if s != 0 && s%unit.size == 0 {
			return strconv.FormatInt(int64(s/unit.size), 10) + unit.name
		}
	}
	return "0B"
}

// MarshalText writes what String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String writes.
func (s *Size) UnmarshalText(text []byte) error {
	m := bytesForm.FindStringSubmatch(string(text))
	if m == nil {
		return fmt.Errorf("expected a size with a unit (KiB, MiB, GiB or TiB) such as 4GiB, found %q", text)
	}
	number, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return fmt.Errorf("expected a size below 8388608TiB, found %q", text)
	}
	for _, unit := range sizeUnits {
		if unit.name != m[2] {
			continue
		}
		if Size(number) > math.MaxInt64/unit.size || Size(number) < math.MinInt64/unit.size {
			return fmt.Errorf("expected a size below 8388608TiB, found %q", text)
		}
		*s = Size(number) * unit.size
	}
	return nil
}

// UnmarshalYAML reads the form of documents: a whole number and KiB, MiB, GiB or TiB.
func (s *Size) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode || !sizeForm.MatchString(node.Value) {
		return fmt.Errorf("expected a whole number with a unit (KiB, MiB, GiB or TiB) such as 4GiB, found %s", sizeFound(node))
	}
	return s.UnmarshalText([]byte(node.Value))
}

var (
	decimalSize = regexp.MustCompile(`^([0-9]+) ?([kKmMgGtT])(i?[bB])?$`)
	bareNumber  = regexp.MustCompile(`^[0-9]+$`)
)

// sizeFound names what stands where a size should, and what was probably meant.
func sizeFound(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode || node.Value == "" {
		return "none"
	}
	if m := decimalSize.FindStringSubmatch(node.Value); m != nil {
		return fmt.Sprintf("%q; did you mean %q?", node.Value, m[1]+strings.ToUpper(m[2])+"iB")
	}
	if bareNumber.MatchString(node.Value) {
		return fmt.Sprintf("%q without a unit", node.Value)
	}
	return fmt.Sprintf("%q", node.Value)
}

// Duration is a length of time; documents write it as Go does: 90s, 72h, 1h30m.
type Duration int64

// String writes the duration as time.Duration does: 72h0m0s.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes what String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the form of time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	length, err := time.ParseDuration(string(text))
	if err != nil {
		hint := ""
		if bareNumber.Match(text) {
			hint = " without a unit"
		}
		if days, ok := strings.CutSuffix(string(text), "d"); ok && bareNumber.MatchString(days) {
			hint = " (a day is 24h)"
		}
		return fmt.Errorf("expected a length of time in h, m or s such as 72h, 1h30m or 90s, found %q%s", text, hint)
	}
	*d = Duration(length)
	return nil
}
