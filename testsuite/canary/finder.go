package canary

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// finder looks for all forms of all secrets at once, in one pass: a bed has a gigabyte of places.
type finder struct {
	sieve    [1 << 12]uint64 // A bit for each hash of the first four bytes of a pattern.
	patterns map[uint32][]pattern
}

type pattern struct {
	form
	secret string
}

func newFinder(secrets map[string]string) *finder {
	f := &finder{patterns: map[uint32][]pattern{}}
	for name, secret := range secrets {
		for _, one := range forms(secret) {
			begin := binary.LittleEndian.Uint32(one.text)
			f.sieve[hash(begin)>>6] |= 1 << (hash(begin) & 63)
			f.patterns[begin] = append(f.patterns[begin], pattern{one, name})
		}
	}
	return f
}

// hash has 18 bits (Knuth's multiplicative one).
func hash(begin uint32) uint32 { return begin * 2654435761 >> 14 }

// find returns the forms that stand in data, by secret.
func (f *finder) find(data []byte) map[string][]string {
	found := map[string][]string{}
	f.pass(data, found)
	// Mail and PEM break lines within base64 and quoted-printable. Binaries have other lines.
	if bytes.IndexByte(data, 0) < 0 {
		f.pass(unfold(data), found)
	}
	for _, names := range found {
		slices.Sort(names)
	}
	return found
}

func (f *finder) pass(data []byte, found map[string][]string) {
	for i := 0; i+4 <= len(data); i++ {
		begin := binary.LittleEndian.Uint32(data[i:])
		if f.sieve[hash(begin)>>6]&(1<<(hash(begin)&63)) == 0 {
			continue
		}
		for _, p := range f.patterns[begin] {
			if bytes.HasPrefix(data[i:], p.text) && !slices.Contains(found[p.secret], p.name) {
				found[p.secret] = append(found[p.secret], p.name)
			}
		}
	}
}

func unfold(data []byte) []byte {
	return []byte(strings.NewReplacer("=\r\n", "", "=\n", "", "\r\n", "", "\n", "").Replace(string(data)))
}
