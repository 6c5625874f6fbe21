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

// codec is AES-256-GCM. The key's id and, with a key that binds, what the payload belongs to are authenticated with it, so
// that neither can be exchanged.
//
// Whose payload it is comes from the SDK where the SDK knows. Where it does not (the codec endpoint, exported histories), a
// payload is opened as what it says it is.
type codec struct {
	keys  *Keyring
	known binding
}

// WithSerializationContext returns the codec of one workflow or activity: it seals for that, and opens nothing else's.
func (c codec) WithSerializationContext(context converter.SerializationContext) converter.PayloadCodec {
	return codec{keys: c.keys, known: bindingOf(context)}
}

// Encode encrypts every payload with the active key. Two encryptions of the same payload differ.
func (c codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	encrypted := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		clearText, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encrypting payload %d: %w", i, err)
		}
		encrypted[i] = c.seal(clearText)
	}
	return encrypted, nil
}

func (c codec) seal(clearText []byte) *commonpb.Payload {
	id := c.keys.active
	key := c.keys.keys[id]
	metadata := map[string][]byte{converter.MetadataEncoding: []byte(Encoding), MetadataKeyID: []byte(id)}
	additional := []byte(id)
	if key.bound {
		metadata[MetadataForm] = []byte(formBound)
		c.known.describe(metadata)
		additional = c.known.additional(id)
	}
	return &commonpb.Payload{Metadata: metadata, Data: key.aead.Seal(nil, nil, clearText, additional)}
}

// Decode decrypts what is marked as encrypted and passes on what is not: histories from before encryption stay readable.
func (c codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decrypted := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if !sealed(p) {
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
	key, ok := c.keys.keys[string(id)]
	if !ok {
		return nil, fmt.Errorf("the key %q is not in the keyring, which has %s: add it as an older key",
			shorten(id), c.keys.ids())
	}
	additional, err := c.additional(p.GetMetadata(), string(id))
	if err != nil {
		return nil, err
	}
	clearText, err := key.aead.Open(nil, nil, p.GetData(), additional)
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

// additional returns what must have been authenticated with a payload, or an error if it is another's.
func (c codec) additional(metadata map[string][]byte, id string) ([]byte, error) {
	switch form := metadata[MetadataForm]; string(form) {
	case "":
		return []byte(id), nil
	case formBound:
		is := stated(metadata)
		if !c.known.admits(is) {
			return nil, fmt.Errorf("the key %q sealed it for %s, and it is offered as one of %s: somebody moved it", id, is, c.known)
		}
		return is.additional(id), nil
	default:
		return nil, fmt.Errorf("the key %q sealed it in the form %q, which this build does not know: use a newer one", id, shorten(form))
	}
}

// shorten keeps an id that nobody checked from filling an error.
func shorten(id []byte) []byte { return id[:min(len(id), maxID)] }
