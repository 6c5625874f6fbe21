package spec

import (
	"fmt"
	"path"
	"reflect"
	"strings"
	"unicode"

	"fermata/spec/document"
)

// Bounds of a machine, those of a vSphere 8 host where it has any.
const (
	maxCPUs    = 768
	minMemory  = 256 * MiB
	maxMemory  = 24 * TiB
	memoryStep = 4 * MiB
	minVolume  = GiB
	maxVolume  = 62 * TiB
	volumeStep = MiB
)

// checker looks at what a document means, after its form was found good.
type checker struct{ *document.Document }

func (c checker) server(s *Server) {
	c.texts("", reflect.ValueOf(s).Elem())
	c.metadata(s.Metadata)
	c.compute(s.Spec.Compute)
	c.network(s.Spec.Network)
	c.access(s.Spec.Access, s.Spec.Compute.Customization)
	c.storage(s.Spec.Storage)
	c.os(s.Spec.OS)
	c.configuration(s.Spec.Configuration)
	c.application(s.Spec.Application)
	c.files(s.Spec.OS, s.Spec.Application, s.Spec.Storage)
	c.firewall(s.Spec.Firewall, s.Spec.Network.Address)
	c.loadBalancer(s.Spec.LoadBalancer)
	c.dns(s)
	c.desk(s.Spec.Ticket, s.Spec.Inventory)
	c.run(s.Spec.Run)
}

func (c checker) desk(ticket *Ticket, inventory *Inventory) {
	if ticket != nil {
		c.form("spec.ticket.system", ticket.System, labelForm)
		c.length("spec.ticket.subject", ticket.Subject, 200)
	}
	if inventory != nil {
		c.form("spec.inventory.system", inventory.System, labelForm)
		c.form("spec.inventory.class", inventory.Class, classForm)
	}
}

func (c checker) metadata(m Metadata) {
	c.form("metadata.name", m.Name, labelForm)
	c.form("metadata.environment", m.Environment, labelForm)
	c.form("metadata.site", m.Site, labelForm)
	for key := range m.Labels {
		if !labelKeyForm.match.MatchString(key) {
			c.AddKey("metadata.labels."+key, "expected %s, found %q", labelKeyForm.what, key)
		}
	}
}

func (c checker) compute(compute Compute) {
	const at = "spec.compute."
	c.form(at+"system", compute.System, labelForm)
	c.between(at+"cpus", compute.CPUs, 1, maxCPUs)
	c.size(at+"memory", compute.Memory, minMemory, maxMemory, memoryStep)
	c.oneOf(at+"customization", compute.Customization, CloudInit, VMware)
	seen := map[string]string{}
	for i, tag := range compute.Tags {
		c.form(fmt.Sprintf("%stags[%d]", at, i), tag, tagForm)
		c.unique(fmt.Sprintf("%stags[%d]", at, i), tag, seen)
	}
}

func (c checker) run(run RunPolicy) {
	c.oneOf("spec.run.onFailure", run.OnFailure, OnFailureHold, OnFailureUndo)
	for name, length := range map[string]Duration{
		"approvalDeadline": run.ApprovalDeadline, "retryFor": run.RetryFor, "grace": run.Grace,
	} {
		if at := "spec.run." + name; c.Sound(at) && length <= 0 {
			c.Add(at, "expected a length of time above zero, found %s", length)
		}
	}
}

func (c checker) form(at, value string, form form) {
	if c.Sound(at) && !form.match.MatchString(value) {
		c.Add(at, "expected %s, found %q", form.what, value)
	}
}

func (c checker) oneOf(at, value string, words ...string) {
	for _, word := range words {
		if value == word {
			return
		}
	}
	if c.Sound(at) {
		c.Add(at, "%s", document.OneOf(value, words...))
	}
}

func (c checker) between(at string, value, low, high int) {
	if c.Sound(at) && (value < low || value > high) {
		c.Add(at, "expected a whole number from %d to %d, found %d", low, high, value)
	}
}

func (c checker) size(at string, size, low, high, step Size) {
	switch {
	case !c.Sound(at):
	case size < low || size > high:
		c.Add(at, "expected a size from %s to %s, found %s", low, high, size)
	case size%step != 0:
		c.Add(at, "expected a multiple of %s, found %s", step, size)
	}
}

func (c checker) length(at, value string, most int) {
	if c.Sound(at) && len(value) > most {
		c.Add(at, "expected at most %d bytes, found %d", most, len(value))
	}
}

// unique keeps what was seen in seen, with its path, and reports what comes twice.
func (c checker) unique(at, value string, seen map[string]string) {
	if !c.Sound(at) {
		return
	}
	if first, ok := seen[value]; ok {
		c.Add(at, "expected a value of its own, found %q, which %s has too", value, first)
		return
	}
	seen[value] = at
}

// absolute reports whether value is an absolute path in its shortest form.
func (c checker) absolute(at, value string) bool {
	switch {
	case !c.Sound(at):
		return false
	case !strings.HasPrefix(value, "/"):
		c.Add(at, "expected an absolute path, found %q", value)
	case path.Clean(value) != value:
		c.Add(at, "expected a path in its shortest form %q, found %q", path.Clean(value), value)
	default:
		return true
	}
	return false
}

// Fields whose text may have several lines. All other text goes to tickets, comments of rules and command lines.
var multiline = map[string]bool{"content": true, "userData": true, "annotation": true, "key": true}

// texts refuses empty text, and characters that show nothing or change the order of what is shown.
func (c checker) texts(at string, value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			c.texts(at, value.Elem())
		}
	case reflect.Struct:
		for _, field := range document.Fields(value.Type()) {
			c.texts(strings.TrimPrefix(at+"."+field.Name, "."), value.FieldByIndex(field.Index))
		}
	case reflect.Slice:
		for i := range value.Len() {
			c.texts(fmt.Sprintf("%s[%d]", at, i), value.Index(i))
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			if entry := value.MapIndex(key); entry.Kind() == reflect.String { // One line, whatever the key is called.
				c.text(at+"."+key.String(), entry.String(), false)
			} else {
				c.texts(at+"."+key.String(), entry)
			}
		}
	case reflect.String:
		c.text(at, value.String(), multiline[at[strings.LastIndexByte(at, '.')+1:]])
	}
}

func (c checker) text(at, text string, lines bool) {
	if !c.Sound(at) {
		return
	}
	if strings.TrimSpace(text) == "" && !lines {
		c.Add(at, "expected text, found none: give it a value or remove the field")
		return
	}
	for _, r := range text {
		if lines && (r == '\n' || r == '\t' || r == '\r') {
			continue
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || !lines && unicode.Is(unicode.Cf, r) {
			c.Add(at, "expected text of visible characters, found the character %U", r)
			return
		}
	}
}
