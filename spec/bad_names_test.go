package spec_test

// badNames have names or addresses that cannot be published or chosen.
var badNames = []badDocument{
	{"zone", "zone: estate.test", "zone: estate_test", true, []string{`69:11: spec.dns.zone: expected a domain name in lower case such as estate.test, found "estate_test"`}},
	{"zone with a dot at its end", "zone: estate.test", "zone: estate.test.", true, []string{`69:11: spec.dns.zone: expected a domain name in lower case such as estate.test, found "estate.test."`}},
	{"zone that is not the domain's", "zone: estate.test", "zone: other.test", false, []string{"69:11: spec.dns.zone: expected the zone of estate.test, found other.test"}},
	{"zone that ends alike", "zone: estate.test", "zone: state.test", false, []string{"69:11: spec.dns.zone: expected the zone of estate.test, found state.test"}},
	{"zone below the domain", "zone: estate.test", "zone: web.estate.test", false, []string{"69:11: spec.dns.zone: expected the zone of estate.test, found web.estate.test"}},
	{"short TTL", "ttl: 10m", "ttl: 0s", false, []string{"70:10: spec.dns.ttl: expected whole seconds from 1s to 168h0m0s, found 0s"}},
	{"long TTL", "ttl: 10m", "ttl: 169h", false, []string{"70:10: spec.dns.ttl: expected whole seconds from 1s to 168h0m0s, found 169h0m0s"}},
	{"TTL of half a second", "ttl: 10m", "ttl: 1500ms", false, []string{"70:10: spec.dns.ttl: expected whole seconds from 1s to 168h0m0s, found 1.5s"}},
	{"TTL without a unit", "ttl: 10m", "ttl: 600", true, []string{`70:10: spec.dns.ttl: expected a length of time in h, m or s such as 72h, 1h30m or 90s, found "600" without a unit`}},
	{"reverse zone of names", "reverseZone: 20.10.in-addr.arpa", "reverseZone: estate.test", true, []string{`71:18: spec.dns.reverseZone: expected a zone of addresses such as 0.20.10.in-addr.arpa, found "estate.test"`}},
	{"reverse zone of others", "reverseZone: 20.10.in-addr.arpa", "reverseZone: 21.10.in-addr.arpa", false, []string{"71:18: spec.dns.reverseZone: expected a zone that holds 11.0.20.10.in-addr.arpa, found 21.10.in-addr.arpa"}},
	{"reverse zone of others, without classes", "reverseZone: 20.10.in-addr.arpa", "reverseZone: 0/26.1.20.10.in-addr.arpa", false, []string{"71:18: spec.dns.reverseZone: expected a zone that holds 11.0.20.10.in-addr.arpa, found 0/26.1.20.10.in-addr.arpa"}},
	{"reverse zone without reverse", "    ttl: 10m", "    reverse: false", false, []string{"71:18: spec.dns.reverseZone: expected no reverseZone, found 20.10.in-addr.arpa: reverse is false"}},
	{"DNS server's name", "zone: estate.test", "system: Primary", true, []string{`69:13: spec.dns.system: expected up to 63 lower-case letters, digits and dashes, with no dash at either end (RFC 1123), found "Primary"`}},
	{"misspelt field", "ttl: 10m", "tll: 10m", true, []string{`70:5: spec.dns.tll: unknown field "tll"; did you mean "ttl"?`}},
	{"address and range", "address: 10.20.0.11/24", "address: 10.20.0.11/24\n    range: servers", true, []string{"17:12: spec.network.range: expected either address or range, found both"}},
	{"neither address nor range", "    address: 10.20.0.11/24\n", "", true, []string{"15:3: spec.network.address: expected address or range, found neither"}},
	{"range", "address: 10.20.0.11/24", "range: Servers 1", true, []string{`16:12: spec.network.range: expected up to 63 lower-case letters, digits and dashes, with no dash at either end (RFC 1123), found "Servers 1"`}},
}
