package ec2

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// The tags that everything carries. The volume that an instance boots from is a part of it.
const (
	keyTag   = "fermata:key"
	ownerTag = "fermata:owner"
	partTag  = "fermata:part"
	nameTag  = "Name"
	rootPart = "root"
)

// mostTags is how many a resource may have.
const mostTags = 50

// tags are what an object carries, in an order that stays: EC2 compares the parameters of a request that is repeated.
func tags(op operation.Op, name string, more map[string]string) []types.Tag {
	list := []types.Tag{tag(keyTag, op.Key.String()), tag(ownerTag, string(op.Owner)), tag(nameTag, name)}
	for _, key := range slices.Sorted(maps.Keys(more)) {
		list = append(list, tag(key, more[key]))
	}
	return list
}

func tag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

func specification(kind types.ResourceType, list []types.Tag) types.TagSpecification {
	return types.TagSpecification{ResourceType: kind, Tags: list}
}

// validTags refuses tags that EC2 or the driver sets itself. Fault: Invalid.
func validTags(given map[string]string) error {
	for key := range given {
		if key == nameTag || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return fault.New(fault.Invalid, "tag %q: Name is the instance's name, and what begins with aws: is Amazon's own", key)
		}
	}
	if len(given) > mostTags-3 {
		return fault.New(fault.Invalid, "%d tags: EC2 keeps %d beside the driver's own", len(given), mostTags-3)
	}
	return cloudx.ValidTags(given)
}

func tagValue(list []types.Tag, key string) string {
	if t := cloudx.Find(list, func(t types.Tag) bool { return aws.ToString(t.Key) == key }); t != nil {
		return aws.ToString(t.Value)
	}
	return ""
}

func markIn(list []types.Tag) cloudx.Mark {
	return cloudx.Mark{Key: tagValue(list, keyTag), Owner: operation.Owner(tagValue(list, ownerTag))}
}

// token is the client token of what an operation makes, 52 characters of the 64 that EC2 takes. What was removed under a token
// is not made again under it, so there are generations.
func token(kind string, op operation.Op, generation int) *string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d", kind, op.Key, op.Owner, generation))
	return aws.String(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])))
}

// wait looks again and again until done says so. The context bounds it.
func (d *Driver) wait(ctx context.Context, doing string, done func() (bool, error)) error {
	return cloudx.Until(ctx, time.Duration(d.config.Poll), doing, done)
}
