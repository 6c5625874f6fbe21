package vaultsecret

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// Keep writes the field in a new version of the secret, with the other fields as they are, if after is still the newest one.
func (p *Provider) Keep(ctx context.Context, name, key, after string, value secret.Value) (secret.Value, string, error) {
	doing := fmt.Sprintf("keeping secret %q", name)
	at, err := p.begin(ctx, doing, name, key, secret.CheckText(value))
	if err != nil {
		return secret.Value{}, "", err
	}
	kept, version, err := p.keep(ctx, at, key, after, value)
	if fault.Is(err, fault.Conflict) { // Another attempt of the same operation may have been faster.
		kept, version, err = p.keep(ctx, at, key, after, value)
	}
	if err != nil {
		return secret.Value{}, "", fault.Wrap(fault.KindOf(err), err, doing)
	}
	return kept, version, nil
}

// begin checks what a change is asked with.
func (p *Provider) begin(ctx context.Context, doing, name, key string, valid error) (place, error) {
	if err := ctx.Err(); err != nil {
		return place{}, fmt.Errorf("%s: %w", doing, err)
	}
	at, err := p.writableAt(name)
	if err == nil {
		err = secret.CheckKey(key)
	}
	if err == nil {
		err = valid
	}
	if err != nil {
		return place{}, fault.Wrap(fault.KindOf(err), err, doing)
	}
	return at, nil
}

func (p *Provider) keep(ctx context.Context, at place, key, after string, value secret.Value) (secret.Value, string, error) {
	newest, number, err := p.newest(ctx, at)
	if err != nil {
		return secret.Value{}, "", err
	}
	held, missing := newest.field(at.field)
	if missing == nil && newest.mark().isOf(key, at.field) {
		return secret.NewValue([]byte(held)), strconv.Itoa(number), nil
	}
	switch {
	case fault.Is(missing, fault.NotFound) && after != "":
		return secret.Value{}, "", fault.New(fault.Conflict, "version %s was to be followed, and the secret has none that can be read", after)
	case !fault.Is(missing, fault.NotFound) && after != strconv.Itoa(number):
		return secret.Value{}, "", fault.New(fault.Conflict, "%s was to be followed, and another has written version %d", followed(after), number)
	}
	next := mark{Key: key, Field: at.field, Version: number + 1, After: newest.Metadata.Version}
	fields, err := newest.with(next, map[string]string{at.field: string(value.Reveal())})
	if err != nil {
		return secret.Value{}, "", err
	}
	if err := p.write(ctx, at, number, fields); err != nil {
		return secret.Value{}, "", err
	}
	return value, strconv.Itoa(number + 1), nil
}

func followed(after string) string {
	if after == "" {
		return "no version"
	}
	return fmt.Sprintf("version %.20q", after)
}

// newest reads the newest version, and its number. One that is deleted or destroyed has a number and no content; of a secret that
// is not there the number is 0.
func (p *Provider) newest(ctx context.Context, at place) (versionData, int, error) {
	gone := absence{}
	got, err := p.data(ctx, at, "", &gone)
	switch {
	case fault.Is(err, fault.NotFound):
		return versionData{}, gone.newest, nil
	case err != nil:
		return versionData{}, 0, err
	}
	return got, got.Metadata.Version, nil
}

// write makes the version after that number, if it is still the newest one.
func (p *Provider) write(ctx context.Context, at place, after int, fields any) error {
	body := map[string]any{"options": map[string]int{"cas": after}, "data": fields}
	var out struct {
		Data struct {
			Version int `json:"version"`
		} `json:"data"`
	}
	c := call{
		method: http.MethodPost, path: at.mount + "/data/" + at.path, body: body, change: true, needs: at.policy("data", true),
		doing: "writing to the KV version 2 engine " + at.mount,
	}
	if err := p.ask(ctx, c, &out); err != nil {
		return err
	}
	if out.Data.Version != after+1 {
		return fault.New(fault.Invalid, "%s: version %d was to be made and version %d answered: is it one?", c.doing, after+1, out.Data.Version)
	}
	return nil
}
