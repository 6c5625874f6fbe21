package config

import (
	"fmt"
	"io"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"fermata/spec/document"
)

var (
	labelForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	keyForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	prefixForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func readLimited(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, document.MaxBytes+1))
}

type checker struct{ *document.Document }

func (c checker) installation(in *Installation) {
	c.label("metadata.name", in.Name)
	c.temporal(in.Temporal)
	c.encryption(in.Encryption, in.Secrets.names())
	c.decisions(in.Decisions)
	c.secrets(in.Secrets)
	c.line("spec.records.folder", in.Records.Folder)
	names := map[string]string{}
	for i, system := range in.Systems {
		at := fmt.Sprintf("spec.systems[%d].", i)
		c.label(at+"name", system.Name)
		c.unique(at+"name", system.Name, names)
		c.label(at+"type", system.Type)
		c.label(at+"site", system.Site)
		if c.Sound(at+"rate") && !(system.Rate > 0 && system.Rate <= maxRate) {
			c.Add(at+"rate", "expected a number of activities a second above 0 and up to %d, found %v", maxRate, system.Rate)
		}
	}
	c.ranges(in.Ranges)
}

// maxRate is the largest rate of a system: more is no bound.
const maxRate = 100_000

func (c checker) temporal(t Temporal) {
	const at = "spec.temporal"
	if c.Sound(at) && !c.Has(at+".profile") && !c.Has(at+".address") {
		c.Add(at+".address", "expected an address (host:port) or a profile, found neither")
	}
	for name, value := range map[string]string{
		".profile": t.Profile, ".configFile": t.ConfigFile, ".namespace": t.Namespace,
		".tls.ca": t.TLS.CA, ".tls.cert": t.TLS.Cert, ".tls.key": t.TLS.Key, ".tls.serverName": t.TLS.ServerName,
	} {
		c.line(at+name, value)
	}
	if c.Sound(at + ".address") {
		host, port, err := net.SplitHostPort(t.Address)
		if number, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || number < 1 || number > 65535 {
			c.Add(at+".address", "expected host:port such as temporal.example.net:7233, found %q", t.Address)
		}
	}
	for have, lacks := range map[string]string{".tls.cert": ".tls.key", ".tls.key": ".tls.cert"} {
		if c.Has(at+have) && !c.Has(at+lacks) {
			c.Add(at+lacks, "expected a file, found none: the client's certificate and key go together")
		}
	}
}

func (c checker) encryption(e Encryption, providers map[string]bool) {
	const at = "spec.encryption."
	ids := map[string]string{}
	for i, key := range e.Keys {
		place := fmt.Sprintf("%skeys[%d].", at, i)
		if c.Sound(place+"id") && !keyForm.MatchString(key.ID) {
			c.Add(place+"id", "expected up to 63 letters, digits, dots, dashes and underscores, found %q", key.ID)
		}
		c.unique(place+"id", key.ID, ids)
		if provider, _, err := key.Secret.Parse(); err == nil && !providers[provider] && c.Sound(place+"secret") {
			c.Add(place+"secret", "%s", unknownProvider(provider, providers))
		}
	}
	if c.Sound(at+"keys") && len(e.Keys) == 0 {
		c.Add(at+"keys", "expected at least one key, found none")
	}
	if _, ok := ids[e.Active]; !ok && c.Sound(at+"active") && len(ids) > 0 {
		c.Add(at+"active", "%s", document.OneOf(e.Active, slices.Sorted(maps.Keys(ids))...))
	}
}

func (c checker) decisions(decisions Decisions) {
	const at = "spec.decisions."
	c.line(at+"allowedSigners", decisions.AllowedSigners)
	c.line(at+"revoked", decisions.Revoked)
	c.line(at+"policy", decisions.Policy)
	if c.Sound(at+"maxAge") && decisions.MaxAge <= 0 {
		c.Add(at+"maxAge", "expected a length of time above zero, found %s", decisions.MaxAge)
	}
}

func (c checker) label(at, value string) {
	if c.Sound(at) && !labelForm.MatchString(value) {
		c.Add(at, "expected up to 63 lower-case letters, digits and dashes, with no dash at either end, found %q", value)
	}
}

// line refuses empty text, and characters that show nothing.
func (c checker) line(at, value string) {
	if !c.Sound(at) {
		return
	}
	if strings.TrimSpace(value) == "" {
		c.Add(at, "expected text, found none: give it a value or remove the field")
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		c.Add(at, "expected one line of visible characters, found %q", value)
	}
}

func (c checker) unique(at, value string, seen map[string]string) {
	if !c.Sound(at) {
		return
	}
	if first, ok := seen[value]; ok {
		c.Add(at, "expected a name of its own, found %q, which %s has too", value, first)
		return
	}
	seen[value] = at
}
