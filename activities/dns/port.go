// Package dns publishes names: address records and the reverse records that lead back from an address to a name.
//
// Every record carries the operation's key and its owner. DNS itself has no room for them beside a record, so each server
// keeps them where it can: in a comment, or in a TXT record of its own (see Mark). What the server answers to a resolver is
// asked by a real DNS query, never read back through the interface that wrote it.
package dns

import (
	"context"

	"fermata/activities/operation"
)

// Type is the type of a record.
type Type string

// The types of records (RFC 1035, section 3.3; RFC 3596, section 2.1). CNAME is only ever found, never made.
const (
	A     Type = "A"
	AAAA  Type = "AAAA"
	PTR   Type = "PTR"
	CNAME Type = "CNAME"
)

// Record is one record. Names are written in lower case and without a dot at the end.
type Record struct {
	Zone  string `json:"zone"`  // Zone that the record is kept in: "estate.test".
	Name  string `json:"name"`  // Full name: "web-01.estate.test", "11.0.20.10.in-addr.arpa".
	Type  Type   `json:"type"`  // A, AAAA or PTR.
	Value string `json:"value"` // An IP address; of a PTR the name that it leads to.
	TTL   int    `json:"ttl"`   // Seconds that resolvers keep it, 1 to 2147483647 (RFC 2181, section 8).
}

// Published is a record as the server holds it.
type Published struct {
	Record
	Key   string          `json:"key,omitempty"`   // Operation key; empty: it was not made by Fermata.
	Owner operation.Owner `json:"owner,omitempty"` // Empty: it was not made by Fermata.
}

// Reader tells what is there. It changes nothing.
type Reader interface {
	// Check proves that the server answers, that the credential is good and that it serves the zones.
	// Faults: Unauthorized, Unavailable, NotFound for a zone (the text names it).
	Check(ctx context.Context, zones []string) error
	// Find returns the address, reverse and alias records of a name in a zone, whoever made them; with an empty name those of
	// the owner in the zone. Faults: NotFound for the zone.
	Find(ctx context.Context, zone, name string, owner operation.Owner) ([]Published, error)
	// Lookup asks the server for a name by a DNS query, as a resolver does, and returns what it answers with authority. Nothing
	// is no error. Faults: Unavailable; Unauthorized where the server refuses to answer.
	Lookup(ctx context.Context, zone, name string, t Type) ([]Record, error)
}

// Editor changes records.
type Editor interface {
	// EnsureRecord publishes the record under op's key, if there is none of its name and type. A record that op made before
	// is adopted, or completed where only its mark is left. Conflict: a record of that name and type under another key, one
	// that Fermata did not make, one of ours that others changed, or an alias of that name. NotFound: no such zone.
	EnsureRecord(ctx context.Context, op operation.Op, r Record, p operation.Progress) (Published, error)
	// EnsureTTL gives the record that carries op.Key the TTL of r. The name is answered all the while: a name that is gone for a
	// moment is remembered as gone by resolvers (RFC 2308). NotFound: no record of that name and type carries the key, or only
	// its mark is left. Conflict: as of EnsureRecord.
	EnsureTTL(ctx context.Context, op operation.Op, r Record, p operation.Progress) (Published, error)
	// RemoveRecord removes the record that carries op.Key. None is no error; of a record set that others changed since, only
	// our own value is removed.
	RemoveRecord(ctx context.Context, op operation.Op, r Record, p operation.Progress) error
	// RemoveOwned removes every record of op.Owner in the zones and returns what was removed: the image to restore it from.
	RemoveOwned(ctx context.Context, op operation.Op, zones []string, p operation.Progress) ([]Published, error)
}

// Nameserver is what a DNS server offers.
type Nameserver interface {
	Reader
	Editor
}
