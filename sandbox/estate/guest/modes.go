package guest

import (
	"fmt"
	"strconv"
	"strings"
)

// parseMode reads an octal or symbolic mode of chmod(1), seen from the old one.
func parseMode(text string, old uint32, folder bool) (uint32, error) {
	if n, err := strconv.ParseUint(text, 8, 32); err == nil && n <= 0o7777 {
		return uint32(n), nil
	}
	for clause := range strings.SplitSeq(text, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			return 0, fmt.Errorf("invalid mode: ‘%s’", text)
		}
		mask, err := whoMask(clause[:at])
		if err != nil {
			return 0, fmt.Errorf("invalid mode: ‘%s’", text)
		}
		bits, err := permBits(clause[at+1:], old, folder)
		if err != nil {
			return 0, fmt.Errorf("invalid mode: ‘%s’", text)
		}
		switch clause[at] {
		case '+':
			old |= bits & mask
		case '-':
			old &^= bits & mask
		case '=':
			old = old&^(mask&0o777) | bits&mask
		}
	}
	return old, nil
}

func whoMask(who string) (uint32, error) {
	if who == "" {
		who = "a"
	}
	var mask uint32
	for _, letter := range who {
		part, ok := map[rune]uint32{'u': 0o4700, 'g': 0o2070, 'o': 0o1007, 'a': 0o7777}[letter]
		if !ok {
			return 0, fmt.Errorf("unknown class %q", letter)
		}
		mask |= part
	}
	return mask, nil
}

func permBits(letters string, old uint32, folder bool) (uint32, error) {
	var bits uint32
	for _, letter := range letters {
		switch letter {
		case 'r':
			bits |= 0o444
		case 'w':
			bits |= 0o222
		case 'x':
			bits |= 0o111
		case 'X':
			if folder || old&0o111 != 0 {
				bits |= 0o111
			}
		case 's':
			bits |= 0o6000
		case 't':
			bits |= 0o1000
		default:
			return 0, fmt.Errorf("unknown permission %q", letter)
		}
	}
	return bits, nil
}

// parseSize reads a size as coreutils take it: 10, 5K, 2M, 1G.
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "KMGTB")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("invalid size %q", text)
	}
	shift, ok := map[string]uint{"": 0, "B": 0, "K": 10, "M": 20, "G": 30, "T": 40}[text[len(digits):]]
	if !ok || n > 1<<50>>shift {
		return 0, fmt.Errorf("invalid size %q", text)
	}
	return n << shift, nil
}
