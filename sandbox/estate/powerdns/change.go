package powerdns

import (
	"fmt"
	"strings"

	miekg "github.com/miekg/dns"
)

// change is what PATCH asks for one record set.
type change struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	TTL      *int       `json:"ttl"`
	Kind     string     `json:"changetype"`
	Records  *[]entry   `json:"records"`
	Comments *[]comment `json:"comments"`
}

// check refuses what PowerDNS 4.7.3 refuses, in its words, and returns the set as it would be.
func (c change) check(zoneName string, z *zone, now int64) (made *set, refusal string) {
	kind := strings.ToUpper(c.Type)
	label := fmt.Sprintf("RRset %s IN %s", c.Name, kind)
	switch {
	case !strings.HasSuffix(c.Name, "."):
		return nil, "DNS Name '" + c.Name + "' is not canonical"
	case miekg.StringToType[kind] == 0:
		return nil, "RRset " + c.Name + " IN " + c.Type + ": unknown type given"
	case c.Kind == "":
		return nil, "Key 'changetype' not present or not a String"
	case !miekg.IsSubDomain(zoneName, c.Name):
		return nil, label + ": Name is out of zone"
	}
	made = &set{Name: strings.ToLower(c.Name), Type: kind, Records: []entry{}, Comments: []comment{}}
	switch c.Kind {
	case "DELETE":
		return made, ""
	case "REPLACE":
	default:
		return nil, "Changetype not understood"
	}
	if old := z.set(c.Name, kind); old != nil { // What is not given stays.
		made.TTL, made.Records, made.Comments = old.TTL, old.Records, old.Comments
	}
	if c.Comments != nil {
		made.Comments = []comment{}
		for _, one := range *c.Comments {
			if one.ModifiedAt == 0 {
				one.ModifiedAt = now
			}
			made.Comments = append(made.Comments, one)
		}
	}
	if c.Records == nil {
		return made, ""
	}
	if len(*c.Records) == 0 && c.Comments == nil { // The set is gone, with what was said of it.
		made.Records, made.Comments = []entry{}, []comment{}
		return made, ""
	}
	return made, c.records(label, z, made)
}

func (c change) records(label string, z *zone, made *set) (refusal string) {
	if c.TTL == nil {
		return "Key 'ttl' not an Integer or not present"
	}
	made.TTL, made.Records = *c.TTL, []entry{}
	seen := map[string]bool{}
	for _, r := range *c.Records {
		rr, err := parse(made.Name, made.Type, made.TTL, r.Content)
		place := fmt.Sprintf("Record %s/%s '%s': ", made.Name, made.Type, r.Content)
		switch {
		case err != nil:
			return place + "Parsing record content (try 'pdnsutil check-zone')"
		case content(rr) != r.Content:
			return place + "Not in expected format (parsed as '" + content(rr) + "')"
		case seen[r.Content]:
			return fmt.Sprintf("Duplicate record in %s with content \"%s\"", label, r.Content)
		}
		seen[r.Content] = true
		made.Records = append(made.Records, r)
	}
	for _, other := range z.Sets {
		alias := other.Type == "CNAME" || made.Type == "CNAME"
		if alias && other.Type != made.Type && strings.EqualFold(other.Name, made.Name) && len(other.Records) > 0 && len(made.Records) > 0 {
			return label + ": Conflicts with pre-existing RRset"
		}
	}
	return ""
}
