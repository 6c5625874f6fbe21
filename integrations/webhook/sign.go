package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

const (
	secretPrefix = "whsec_"
	// The lengths of a key that the specification allows, in bytes.
	minKey, maxKey = 24, 64
)

// keys resolves the secrets that sign, the current one first.
func (d *Driver) keys(ctx context.Context) (keys [][]byte, err error) {
	for _, ref := range []secret.Ref{d.config.Secret, d.config.Previous} {
		if ref == "" {
			continue
		}
		const doing = "reading the secret of a webhook"
		value, err := d.secrets.Resolve(ctx, ref)
		if err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, doing)
		}
		text, found := strings.CutPrefix(strings.TrimSpace(value.Text()), secretPrefix)
		key, err := base64.StdEncoding.DecodeString(text)
		if !found || err != nil || len(key) < minKey || len(key) > maxKey { // The error would quote it.
			return nil, fault.New(fault.Invalid, "%s: what %s refers to is not %s and %d to %d bytes in base64", doing, ref, secretPrefix, minKey, maxKey)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// sign writes the header webhook-signature: one signature for each key, between spaces.
func sign(keys [][]byte, id, timestamp string, body []byte) string {
	signatures := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}
