package ec2

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// filterIn is a filter of a request.
type filterIn struct {
	Name   string   `q:"Name"`
	Values []string `q:"Value"`
}

// pageIn are the parameters of lists with pages.
type pageIn struct {
	Max  int    `q:"MaxResults"`
	Next string `q:"NextToken"`
}

// attributes are what an object can be found by, beside its tags.
type attributes map[string][]string

// fits holds an object against filters: all must fit, by any of their values.
func fits(filters []filterIn, tags map[string]string, known attributes) (bool, error) {
	all := true
	for _, f := range filters {
		have, attribute := known[f.Name]
		if key, isTag := strings.CutPrefix(f.Name, "tag:"); isTag {
			attribute = true
			if value, set := tags[key]; set {
				have = []string{value}
			}
		}
		if !attribute {
			return false, bad("InvalidParameterValue", "The filter '"+f.Name+"' is invalid")
		}
		all = all && slices.ContainsFunc(have, func(text string) bool {
			return slices.ContainsFunc(f.Values, func(pattern string) bool { return wild(pattern, text) })
		})
	}
	return all, nil
}

// wild compares with a pattern: * stands for any letters, ? for one, and a backslash takes that from them.
func wild(pattern, text string) bool {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	match, err := regexp.MatchString("^(?s:"+b.String()+")$", text)
	return match && err == nil
}

// selected lists what has one of the ids, if there are any, and fits the filters. An id that nothing has is refused with the code.
func selected[T object](s *Server, all []T, ids []string, notFound string, filters []filterIn, of func(T) attributes) (list []T, err error) {
	for _, id := range ids {
		if found := find(all, id); found == nil || !s.seen((*found).self()) {
			return nil, bad(notFound, "The ID '"+id+"' does not exist")
		}
	}
	for _, each := range all {
		t := each.self()
		good, err := fits(filters, t.Tags, of(each))
		if err != nil {
			return nil, err
		}
		if good && s.seen(t) && (len(ids) == 0 || slices.Contains(ids, t.ID)) {
			list = append(list, each)
		}
	}
	return list, nil
}

// page cuts a list. The token of the next page is the number of what was shown.
func page[T any](s *Server, list []T, p pageIn, ids []string, most int) (part []T, next string, err error) {
	if p.Max != 0 && len(ids) > 0 {
		return nil, "", bad("InvalidParameterCombination", "The parameter MaxResults cannot be used with a list of IDs")
	}
	if p.Max < 0 || p.Max > most || p.Max > 0 && p.Max < 5 {
		return nil, "", bad("InvalidParameterValue", "Value ( "+strconv.Itoa(p.Max)+" ) for parameter maxResults is invalid. Expecting a value between 5 and "+strconv.Itoa(most))
	}
	from := 0
	if p.Next != "" {
		raw, err := base64.StdEncoding.DecodeString(p.Next)
		if from, err = number(string(raw), err); err != nil || from > len(list) {
			return nil, "", bad("InvalidNextToken", "The token is not valid")
		}
	}
	size := s.options.PageSize
	if p.Max > 0 {
		size = min(size, p.Max)
	}
	end := min(len(list), from+size)
	if end < len(list) {
		next = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return list[from:end], next, nil
}

func number(text string, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// tagOut is a tag as it is shown.
type tagOut struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func tagsOut(tags map[string]string) (list []tagOut) {
	for key, value := range tags {
		list = append(list, tagOut{key, value})
	}
	slices.SortFunc(list, func(a, b tagOut) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// specIn are the tags of what a request makes.
type specIn struct {
	Kind string  `q:"ResourceType"`
	Tags []tagIn `q:"Tag"`
}

type tagIn struct {
	Key   string `q:"Key"`
	Value string `q:"Value"`
}

// tagsFor reads the tags for a kind of resource. Those for a kind that the action does not make are refused.
func tagsFor(specs []specIn, kind string, others ...string) (map[string]string, error) {
	tags := map[string]string{}
	for _, spec := range specs {
		if spec.Kind != kind && !slices.Contains(others, spec.Kind) {
			return nil, bad("InvalidParameterValue", "'"+spec.Kind+"' is not a valid taggable resource type for this operation.")
		}
		if len(spec.Tags) > 50 {
			return nil, bad("TagLimitExceeded", "You have reached the maximum number of tags: 50")
		}
		for _, t := range spec.Tags {
			_, twice := tags[t.Key]
			switch {
			case spec.Kind != kind:
			case t.Key == "" || len(t.Key) > 128 || len(t.Value) > 256 || strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
				return nil, bad("InvalidParameterValue", "Tag key or value is not valid: '"+t.Key+"'")
			case twice:
				return nil, bad("InvalidParameterValue", "Duplicate tag key '"+t.Key+"' specified.")
			default:
				tags[t.Key] = t.Value
			}
		}
	}
	return tags, nil
}
