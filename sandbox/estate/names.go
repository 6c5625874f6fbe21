package estate

import (
	"context"
	"path/filepath"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/powerdns"
)

// Zones that the DNS server has.
const (
	Zone        = "estate.test"
	ReverseZone = "0.20.10.in-addr.arpa"
)

func (e *Estate) startNames(context.Context) error {
	if e.o.NamesKey == "" {
		return nil
	}
	folder, err := e.folder(Names)
	if err != nil {
		return err
	}
	security, err := certificate.Of(folder, "PowerDNS")
	if err != nil {
		return err
	}
	e.Names, err = powerdns.Start(powerdns.Options{
		Folder: folder, TLS: security, APIKey: e.o.NamesKey, Zones: []string{Zone, ReverseZone}, Faults: e.o.Faults[Names],
	})
	if err != nil {
		return err
	}
	e.onClose(e.Names.Close)
	return nil
}

// NamesCA is the certificate of the DNS server's API, which clients trust.
func (e *Estate) NamesCA() string { return certificate.File(filepath.Join(e.o.Folder, Names)) }
