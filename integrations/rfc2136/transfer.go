package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	miekg "github.com/miekg/dns"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/dnsx"
)

// transferTimeout bounds the wait for the next part of a zone.
const transferTimeout = 30 * time.Second

// transfer reads the zone record by record until each returns false.
func (d *Driver) transfer(ctx context.Context, zone string, each func(miekg.RR) bool) error {
	doing := "transferring zone " + zone
	key, err := d.key(ctx, doing)
	if err != nil {
		return err
	}
	raw, err := (&net.Dialer{Timeout: dnsx.DefaultTimeout}).DialContext(ctx, "tcp", d.primary.Address)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	defer func() { _ = raw.Close() }()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	m := new(miekg.Msg)
	m.SetAxfr(miekg.Fqdn(zone))
	m.SetTsig(key.Name, key.Algorithm, 300, time.Now().Unix())
	t := &miekg.Transfer{
		Conn: &miekg.Conn{Conn: raw}, ReadTimeout: transferTimeout, TsigSecret: map[string]string{key.Name: key.Secret},
	}
	parts, err := t.In(m, d.primary.Address)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	defer func() { // The reader of the transfer waits until what it has read is taken.
		_ = raw.Close()
		for range parts { //nolint:revive // Nothing is done with it.
		}
	}()
	for part := range parts {
		if part.Error != nil {
			return d.notTransferred(part.Error, zone, doing)
		}
		for _, rr := range part.RR {
			if !each(rr) {
				return nil
			}
		}
	}
	return nil
}

// notTransferred reads the code out of the error: the package that speaks DNS does not tell it otherwise.
func (d *Driver) notTransferred(err error, zone, doing string) error {
	if errors.Is(err, miekg.ErrAuth) || errors.Is(err, miekg.ErrSig) || errors.Is(err, miekg.ErrNoSig) || errors.Is(err, miekg.ErrSecret) {
		return fault.New(fault.Unauthorized, "%s: the answer of %s is not signed by the TSIG key %s: does it know the key?",
			doing, d.primary.Address, d.config.Key.Name)
	}
	var code int
	if _, after, found := strings.Cut(err.Error(), "bad xfr rcode: "); found {
		if _, scanned := fmt.Sscanf(after, "%d", &code); scanned == nil && (code == miekg.RcodeRefused || code == miekg.RcodeNotAuth) {
			return fault.New(fault.Unauthorized, "%s: %s answers %s: allow the TSIG key %s to transfer zone %s",
				doing, d.primary.Address, miekg.RcodeToString[code], d.config.Key.Name, zone)
		}
	}
	return fault.Wrap(fault.Unavailable, err, doing)
}

// findOwned reads the whole zone for the marks of an owner.
func (d *Driver) findOwned(ctx context.Context, zone string, owner operation.Owner) ([]dns.Published, error) {
	if err := dns.CheckOwner(owner); err != nil {
		return nil, err
	}
	if err := d.serves(ctx, zone); err != nil {
		return nil, err
	}
	var marks []dns.Published
	ttls := map[dns.Record]int{}
	err := d.transfer(ctx, zone, func(rr miekg.RR) bool {
		if txt, ok := rr.(*miekg.TXT); ok {
			name, t, isMark := marked(txt.Hdr.Name)
			if m, ok := dns.ParseMark(txt.Txt); ok && isMark && m.Owner == owner {
				marks = append(marks, dns.Published{Record: dns.Record{Zone: zone, Name: name, Type: t, Value: m.Value}, Key: m.Key, Owner: owner})
			}
		} else if r, ok := dnsx.RecordOf(zone, rr); ok {
			ttl := r.TTL
			r.TTL = 0
			ttls[r] = ttl
		}
		return true
	})
	for i := range marks {
		marks[i].TTL = ttls[marks[i].Record]
	}
	return marks, err
}
