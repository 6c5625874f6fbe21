package vsphere

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"fermata/activities/fault"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"
)

// tagID finds a tag "category/tag". Faults: NotFound names it and lists what there is, Invalid for another form.
func (d *Driver) tagID(ctx context.Context, name string) (string, error) {
	category, tag, ok := strings.Cut(name, "/")
	if !ok || category == "" || tag == "" {
		return "", fault.New(fault.Invalid, "tag %q: expected category/tag", name)
	}
	var id string
	err := d.session.tags(ctx, func(manager *tags.Manager) error {
		categories, err := categoriesOf(ctx, manager)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(categories, func(c tags.Category) bool { return c.Name == category })
		if at < 0 {
			return fault.New(fault.NotFound, "tag %q: there is no category %q; there are: %s", name, category, categoryNames(categories))
		}
		ids, err := manager.ListTagsForCategory(ctx, categories[at].ID)
		if err != nil {
			return err
		}
		var have []string
		for _, each := range ids {
			known, err := manager.GetTag(ctx, each)
			if err != nil {
				return err
			}
			if known.Name == tag {
				id = known.ID
				return nil
			}
			have = append(have, known.Name)
		}
		slices.Sort(have)
		return fault.New(fault.NotFound, "tag %q: category %q has no such tag; it has: %s", name, category, strings.Join(have, ", "))
	})
	return id, reading(err, "looking for tag "+name)
}

// categoriesOf lists the categories; the library's own function for it loses the kind of an error.
func categoriesOf(ctx context.Context, manager *tags.Manager) ([]tags.Category, error) {
	ids, err := manager.ListCategories(ctx)
	if err != nil {
		return nil, err
	}
	categories := make([]tags.Category, 0, len(ids))
	for _, id := range ids {
		category, err := manager.GetCategory(ctx, id)
		if err != nil {
			return nil, err
		}
		categories = append(categories, *category)
	}
	return categories, nil
}

func categoryNames(categories []tags.Category) string {
	list := make([]string, 0, len(categories))
	for _, category := range categories {
		list = append(list, category.Name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// ensureTags attaches what is not attached yet.
func (d *Driver) ensureTags(ctx context.Context, ref types.ManagedObjectReference, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var attached []string
	err := d.session.tags(ctx, func(manager *tags.Manager) (err error) {
		attached, err = manager.ListAttachedTags(ctx, ref)
		return err
	})
	if err != nil {
		return reading(err, "reading the tags of "+ref.Value)
	}
	for _, name := range names {
		id, err := d.tagID(ctx, name)
		if err != nil {
			return err
		}
		if slices.Contains(attached, id) {
			continue
		}
		if err := stopped(ctx, "tagging with "+name); err != nil {
			return err
		}
		err = d.session.tags(ctx, func(manager *tags.Manager) error { return manager.AttachTag(ctx, id, ref) })
		if rest.IsStatusError(err, http.StatusNotFound) {
			return fault.New(fault.NotFound, "tagging %s with %q: the tag or the machine has gone", ref.Value, name)
		}
		if err != nil {
			return changing(err, "tagging "+ref.Value+" with "+name)
		}
	}
	return nil
}
