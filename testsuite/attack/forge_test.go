package attack

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/hiddeco/sshsig"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/decision"
	"fermata/wire"
)

// forger makes decisions for the gate of one run, good ones and others. It shares no code with what signs for people, so that
// it can make what that refuses.
type forger struct {
	*testing.T
	cast    *cast
	target  wire.Progress
	gate    wire.Gate
	earlier decision.Signed // A good approval of the run that held the target before.
}

// forge looks at the gate that waits for the command.
func (x *target) forge(t *testing.T, c decision.Command) *forger {
	t.Helper()
	p := x.progress(t)
	gate, open := p.Gate(c, "")
	require.True(t, open, "%+v", p.Gates)
	return &forger{T: t, cast: x.cast, target: p, gate: gate}
}

// envelope is a good approval by the person, and then what is changed in it.
func (f *forger) envelope(person string, changes ...func(*decision.Envelope)) decision.Envelope {
	now := time.Now().UTC().Truncate(time.Second)
	e := decision.Envelope{
		Version: decision.Version, Cluster: f.target.Cluster, Namespace: f.target.Namespace, WorkflowID: f.target.WorkflowID,
		Run: f.target.Run, Gate: f.gate.ID, Nonce: f.gate.Nonce, Command: decision.Approve, Hash: f.gate.Hash, Person: person,
		Issued: now, Expires: now.Add(15 * time.Minute),
	}
	for _, change := range changes {
		change(&e)
	}
	return e
}

// canonical writes an envelope whatever stands in it.
func (f *forger) canonical(e any) []byte {
	b, err := json.Marshal(e)
	require.NoError(f, err)
	b, err = jcs.Transform(b)
	require.NoError(f, err)
	return b
}

// signed signs the person's envelope with that person's key.
func (f *forger) signed(person string, changes ...func(*decision.Envelope)) decision.Signed {
	return f.with(person, f.canonical(f.envelope(person, changes...)))
}

// with signs bytes with a key.
func (f *forger) with(key string, message []byte) decision.Signed {
	return f.within(key, message, decision.Namespace)
}

func (f *forger) within(key string, message []byte, namespace string) decision.Signed {
	sig, err := sshsig.Sign(bytes.NewReader(message), f.cast.keys[key], sshsig.HashSHA512, namespace)
	require.NoError(f, err)
	return decision.Signed{Envelope: message, Signature: string(sshsig.Armor(sig))}
}

// outdated signs with RSA and SHA-1.
func (f *forger) outdated(person string) decision.Signed {
	message, h := f.canonical(f.envelope(person)), sshsig.HashSHA512
	digest := h.Hash()
	digest.Write(message)
	data := append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, Hash, Digest string }{
		decision.Namespace, "", string(h), string(digest.Sum(nil)),
	})...)
	key := f.cast.keys[person]
	sig, err := key.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoRSA)
	require.NoError(f, err)
	return decision.Signed{Envelope: message, Signature: string(sshsig.Armor(&sshsig.Signature{
		Version: 1, PublicKey: key.PublicKey(), Namespace: decision.Namespace, HashAlgorithm: h, Signature: sig,
	}))}
}
