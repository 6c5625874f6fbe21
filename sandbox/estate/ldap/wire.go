package ldap

import (
	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
)

// result is how an operation ended (RFC 4511, section 4.1.9).
type result struct {
	code    int
	matched string // DN of what is there of a DN that is not.
	text    string
}

var success = result{} //nolint:gochecknoglobals // A constant.

func refuse(code int, text string) result { return result{code: code, text: text} }

// request is one message of a client's.
type request struct {
	id       int64
	op       *ber.Packet
	controls *ber.Packet // Nil: none.
}

// read takes a message apart; false where it is none.
func read(message *ber.Packet) (request, bool) {
	if len(message.Children) < 2 {
		return request{}, false
	}
	id, ok := message.Children[0].Value.(int64)
	r := request{id: id, op: message.Children[1]}
	if len(message.Children) > 2 {
		r.controls = message.Children[2]
	}
	return r, ok && r.op.ClassType == ber.ClassApplication
}

// text is what a primitive element holds.
func text(p *ber.Packet) string {
	if p.Data == nil {
		return ""
	}
	return p.Data.String()
}

// number is an integer or an enumerated value.
func number(p *ber.Packet) int {
	n, _ := p.Value.(int64)
	return int(n)
}

// attribute reads a name and its set of values.
func attribute(p *ber.Packet) (name string, values []string, ok bool) {
	if len(p.Children) != 2 {
		return "", nil, false
	}
	for _, v := range p.Children[1].Children {
		values = append(values, text(v))
	}
	return text(p.Children[0]), values, true
}

func message(id int64, op *ber.Packet, controls ...*ber.Packet) *ber.Packet {
	m := ber.NewSequence("")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	m.AppendChild(op)
	if len(controls) > 0 {
		all := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			all.AppendChild(c)
		}
		m.AppendChild(all)
	}
	return m
}

func octets(value string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "")
}

// answer is the response to an operation.
func answer(tag ber.Tag, r result) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, r.code, ""))
	op.AppendChild(octets(r.matched))
	op.AppendChild(octets(r.text))
	return op
}

// found is one entry of a search.
func found(dn string, names []string, values map[string][]string) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	op.AppendChild(octets(dn))
	list := ber.NewSequence("")
	for _, name := range names {
		one := ber.NewSequence("")
		one.AppendChild(octets(name))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range values[name] {
			set.AppendChild(octets(v))
		}
		one.AppendChild(set)
		list.AppendChild(one)
	}
	op.AppendChild(list)
	return op
}

// responses maps a request's tag to that of its response. Requests without one are not answered.
var responses = map[ber.Tag]ber.Tag{ //nolint:gochecknoglobals // A table.
	ldap.ApplicationBindRequest: ldap.ApplicationBindResponse, ldap.ApplicationSearchRequest: ldap.ApplicationSearchResultDone,
	ldap.ApplicationModifyRequest: ldap.ApplicationModifyResponse, ldap.ApplicationAddRequest: ldap.ApplicationAddResponse,
	ldap.ApplicationDelRequest: ldap.ApplicationDelResponse, ldap.ApplicationModifyDNRequest: ldap.ApplicationModifyDNResponse,
	ldap.ApplicationCompareRequest: ldap.ApplicationCompareResponse, ldap.ApplicationExtendedRequest: ldap.ApplicationExtendedResponse,
}
