package encryption

import (
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

const (
	// MetadataKeyID is the metadata field with the id of the key that a payload is encrypted with.
	MetadataKeyID = "encryption-key-id"
	// Encoding is the metadata encoding that marks an encrypted payload.
	Encoding = "binary/encrypted"
)

// codec is AES-256-GCM. The key's id is authenticated with the payload, so that it cannot be exchanged.
type codec struct{ keys *Keyring }

// Encode encrypts every payload with the active key. Two encryptions of the same payload differ.
func (c codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	encrypted := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		clearText, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encrypting payload %d: %w", i, err)
		}
		id := []byte(c.keys.active)
		encrypted[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(Encoding), MetadataKeyID: id},
			Data:     c.keys.keys[c.keys.active].Seal(nil, nil, clearText, id),
		}
	}
	return encrypted, nil
}

// Decode decrypts what is marked as encrypted and passes on what is not: histories from before encryption stay readable.
func (c codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decrypted := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != Encoding {
			decrypted[i] = p
			continue
		}
		var err error
		if decrypted[i], err = c.decrypt(p); err != nil {
			return nil, fmt.Errorf("decrypting payload %d: %w", i, err)
		}
	}
	return decrypted, nil
}

func (c codec) decrypt(p *commonpb.Payload) (*commonpb.Payload, error) {
	id := p.GetMetadata()[MetadataKeyID]
	aead, ok := c.keys.keys[string(id)]
	if !ok {
		return nil, fmt.Errorf("the key %q is not in the keyring, which has %s: add it as an older key",
			shorten(id), c.keys.ids())
	}
	clearText, err := aead.Open(nil, nil, p.GetData(), id)
	if err != nil {
		return nil, fmt.Errorf("the key %q does not open it: it was changed since, or another secret has this id now: "+
			"give the keyring the secret that was used", id)
	}
	var payload commonpb.Payload
	if err := proto.Unmarshal(clearText, &payload); err != nil {
		return nil, fmt.Errorf("the key %q opened it, but there is no payload in it: %w", id, err)
	}
	return &payload, nil
}

// shorten keeps an id that nobody checked from filling an error.
func shorten(id []byte) []byte { return id[:min(len(id), maxID)] }
