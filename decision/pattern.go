package decision

import "strings"

// maxPattern is where OpenSSH stops reading one pattern of a list, in bytes.
const maxPattern = 1023

// matchPattern reports whether s as a whole matches a pattern of OpenSSH: * is any bytes, ? is one byte.
func matchPattern(s, pattern string) bool {
	var i, p int
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			i++
			p++
		case star >= 0: // let the last star take one byte more
			mark++
			i, p = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchList reports whether s matches a comma-separated list as OpenSSH's match_pattern_list has it: one pattern must
// match and none that begins with "!". A list of negations only matches nothing.
func matchList(s, list string) bool {
	matched := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if len(pattern) >= maxPattern {
			return false
		}
		if !matchPattern(s, pattern) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}
