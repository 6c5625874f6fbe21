package ec2

import (
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// parameters are those of a request: Filter.1.Value.2=x.
type parameters struct {
	values url.Values
	used   map[string]bool
}

// dry tells whether a request only asks whether it would succeed.
func (p *parameters) dry() bool { return p.values.Get("DryRun") == "true" }

// decode reads parameters into a struct, whose fields are tagged with their names: texts, whole numbers, yes or no, pointers to
// these, structs, and lists of them, which are numbered from 1. A parameter that no field takes is refused.
func (p *parameters) decode(into any) error {
	p.used["DryRun"] = true
	if err := p.fill(reflect.ValueOf(into).Elem(), ""); err != nil {
		return err
	}
	for name, values := range p.values {
		if !p.used[name] {
			return refuse(http.StatusBadRequest, "UnknownParameter", "The parameter "+name+" is not recognized")
		}
		if len(values) > 1 {
			return refuse(http.StatusBadRequest, "InvalidParameterCombination", "The parameter "+name+" is there twice")
		}
	}
	return nil
}

func (p *parameters) fill(v reflect.Value, prefix string) error {
	for i := range v.NumField() {
		if err := p.field(v.Field(i), prefix+v.Type().Field(i).Tag.Get("q")); err != nil {
			return err
		}
	}
	return nil
}

func (p *parameters) field(v reflect.Value, name string) error {
	switch v.Kind() { //nolint:exhaustive // What requests of this package have.
	case reflect.Struct:
		return p.fill(v, name+".")
	case reflect.Slice:
		for n := 1; p.has(name + "." + strconv.Itoa(n)); n++ {
			item := reflect.New(v.Type().Elem()).Elem()
			if err := p.field(item, name+"."+strconv.Itoa(n)); err != nil {
				return err
			}
			v.Set(reflect.Append(v, item))
		}
		return nil
	case reflect.Pointer:
		if !p.has(name) {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return p.field(v.Elem(), name)
	}
	text, given := p.values[name]
	if !given {
		return nil
	}
	p.used[name] = true
	return scalar(v, name, text[0])
}

// has tells whether there is a parameter of that name, or below it.
func (p *parameters) has(name string) bool {
	for key := range p.values {
		if key == name || strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

func scalar(v reflect.Value, name, text string) error {
	bad := refuse(http.StatusBadRequest, "InvalidParameterValue", "Invalid value '"+text+"' for "+name)
	switch v.Kind() { //nolint:exhaustive // See field.
	case reflect.String:
		v.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return bad
		}
		v.SetInt(int64(n))
	case reflect.Bool:
		yes, err := strconv.ParseBool(text)
		if err != nil {
			return bad
		}
		v.SetBool(yes)
	default:
		panic("a request of the emulator has a field of kind " + v.Kind().String())
	}
	return nil
}
