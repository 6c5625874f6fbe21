package decision_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/decision"
)

const nonce = "bm9uY2Utbm9uY2Utbm9uYw"

// at is when the decisions are judged: a minute after they were signed.
var at = issued.Add(time.Minute)

// rules is a policy file with that spec.
func rules(t *testing.T, spec string) *decision.Rules {
	t.Helper()
	r, err := decision.ParseRules("policy.yaml", []byte("apiVersion: fermata/v1\nkind: Policy\nmetadata: {name: test}\nspec:"+spec))
	require.NoError(t, err)
	return r
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return must(ssh.NewSignerFromKey(private))
}

func public(s ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

func allowed(t *testing.T, lines ...string) *decision.AllowedSigners {
	t.Helper()
	a, err := decision.ParseAllowedSigners(strings.NewReader(strings.Join(lines, "\n")))
	require.NoError(t, err)
	return a
}

// court is a policy with people, and the gate that they decide at.
type court struct {
	alice, bob, authority ssh.Signer
	policy                decision.Policy
	gate                  decision.Expectation
}

func newCourt(t *testing.T) court {
	t.Helper()
	c := court{alice: newSigner(t), bob: newSigner(t), authority: newSigner(t)}
	c.policy = decision.Policy{
		Cluster: "production", Namespace: "fermata",
		Signers: allowed(t,
			"alice@example.org "+public(c.alice),
			`bob@example.org namespaces="decision@*" `+public(c.bob),
			`*@ops.example.org cert-authority `+public(c.authority)),
		Rules: rules(t, `
  groups:
    everyone: {members: ["*"]}
    others: {members: ["*", "!alice@example.org"]}
    negated: {members: ["!alice@example.org"]}
  rules:
    - name: all
      may: {start: [everyone], approve: [everyone], reject: [others], operate: [everyone], purge: [], undo: [negated]}
`),
	}
	c.gate = decision.Expectation{
		WorkflowID: "server/web-01", Run: "01JZ0000000000000000000000", Gate: "approval", Nonce: nonce, Hash: planHash,
		Commands: []decision.Command{decision.Approve, decision.Reject, decision.Retry, decision.Purge, decision.Undo},
	}
	return c
}

func (c court) sign(t *testing.T, s ssh.Signer, changes ...func(*decision.Envelope)) decision.Signed {
	t.Helper()
	signed, err := decision.Sign(envelope(changes...), s)
	require.NoError(t, err)
	return signed
}

func TestAGoodDecisionIsAccepted(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	v := c.policy.Judge(c.sign(t, c.alice), c.gate, at)
	require.Equal(t, decision.Verdict{
		Policy: c.policy.Rules.Hash(), Rule: "all", Accepted: true, ReasonCode: decision.CodeAccepted, ID: envelope().ID(), Envelope: envelope(),
		Fingerprint: ssh.FingerprintSHA256(c.alice.PublicKey()), At: at,
	}, v)
	var back decision.Verdict
	require.NoError(t, json.Unmarshal(must(json.Marshal(v)), &back))
	require.Equal(t, v, back)
}

func TestWhoMayGiveWhat(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	give := func(who string, s ssh.Signer, command decision.Command) decision.Verdict {
		return c.policy.Judge(c.sign(t, s, func(e *decision.Envelope) {
			e.Command, e.Person = command, who
			if command == decision.Retry {
				e.Step = "compute.clone"
			}
		}), c.gate, at)
	}
	require.True(t, give("alice@example.org", c.alice, decision.Approve).Accepted)
	require.True(t, give("alice@example.org", c.alice, decision.Retry).Accepted)
	require.True(t, give("bob@example.org", c.bob, decision.Reject).Accepted)
	require.True(t, give("carol@ops.example.org", certified(t, c, "carol@ops.example.org", nil), decision.Approve).Accepted)

	v := give("alice@example.org", c.alice, decision.Reject)
	require.Equal(t, decision.CodeNotAllowed, v.ReasonCode)
	require.Equal(t, "alice@example.org may not reject: rule \"all\" lets others", v.Reason)
	v = give("bob@example.org", c.bob, decision.Purge)
	require.Equal(t, "bob@example.org may not purge: rule \"all\" lets nobody", v.Reason)
	require.Equal(t, decision.CodeNotAllowed, give("bob@example.org", c.bob, decision.Undo).ReasonCode, "a negation alone allows nobody")
}

func certified(t *testing.T, c court, principal string, change func(*ssh.Certificate)) ssh.Signer {
	t.Helper()
	key := newSigner(t)
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.UserCert, KeyId: "test", ValidPrincipals: []string{principal},
		ValidAfter: uint64(issued.Unix()), ValidBefore: uint64(issued.Add(2 * time.Hour).Unix()),
	}
	if change != nil {
		change(cert)
	}
	require.NoError(t, cert.SignCert(rand.Reader, c.authority))
	return must(ssh.NewCertSigner(cert, key))
}

func TestAStartNeedsNoNonceOfAGate(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	signed := c.sign(t, c.alice, func(e *decision.Envelope) {
		e.Command, e.Gate, e.Nonce = decision.Start, decision.StartGate, decision.NewNonce()
	})
	want := decision.Expectation{
		WorkflowID: c.gate.WorkflowID, Run: c.gate.Run, Gate: decision.StartGate, Hash: planHash,
		Commands: []decision.Command{decision.Start},
	}
	require.True(t, c.policy.Judge(signed, want, at).Accepted)
	want.Commands = []decision.Command{decision.Start, decision.Cancel}
	require.Equal(t, decision.CodeNoGate, c.policy.Judge(signed, want, at).ReasonCode)
}

func TestClocksMayDiffer(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	signed := c.sign(t, c.alice)
	for offset, code := range map[time.Duration]string{
		-2 * time.Minute:                 decision.CodeAccepted,
		-2*time.Minute - time.Second:     decision.CodeEarly,
		time.Hour + 2*time.Minute:        decision.CodeAccepted,
		time.Hour + 2*time.Minute + 1e09: decision.CodeExpired,
	} {
		require.Equal(t, code, c.policy.Judge(signed, c.gate, issued.Add(offset)).ReasonCode, offset)
	}
	c.policy.Skew = time.Second
	require.Equal(t, decision.CodeExpired, c.policy.Judge(signed, c.gate, issued.Add(time.Hour+2*time.Second)).ReasonCode)
	c.policy.Lifetime = 59 * time.Minute
	require.Equal(t, decision.CodeLifetime, c.policy.Judge(signed, c.gate, at).ReasonCode)
}

// trial is one way a decision can be wrong; everything else about it is right.
type trial struct {
	envelope func(*decision.Envelope)
	signed   func(*decision.Signed)
	court    func(*court)
	signer   func(*testing.T, court) ssh.Signer
	code     string
	reason   string
}

func TestEveryRefusal(t *testing.T) {
	t.Parallel()
	for name, x := range merge(trialsOfPlace(), trialsOfGate(), trialsOfBytes(), trialsOfSigner()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCourt(t)
			signer := c.alice
			if x.signer != nil {
				signer = x.signer(t, c)
			}
			if x.envelope == nil {
				x.envelope = func(*decision.Envelope) {}
			}
			s := c.sign(t, signer, x.envelope)
			if x.signed != nil {
				x.signed(&s)
			}
			if x.court != nil {
				x.court(&c)
			}
			v := c.policy.Judge(s, c.gate, at)
			require.False(t, v.Accepted)
			require.Equal(t, x.code, v.ReasonCode, v.Reason)
			require.Contains(t, v.Reason, x.reason)
			require.NotEmpty(t, v.Reason)
			require.Equal(t, at, v.At)
		})
	}
}

func merge(parts ...map[string]trial) map[string]trial {
	all := map[string]trial{}
	for _, part := range parts {
		for name, x := range part {
			all[name] = x
		}
	}
	return all
}

func trialsOfPlace() map[string]trial {
	other := "sha256:" + strings.Repeat("cd", 32)
	return map[string]trial{
		"another cluster":   {envelope: func(e *decision.Envelope) { e.Cluster = "test" }, code: decision.CodeCluster, reason: `"test"`},
		"another namespace": {envelope: func(e *decision.Envelope) { e.Namespace = "x" }, code: decision.CodeNamespace},
		"another target":    {envelope: func(e *decision.Envelope) { e.WorkflowID = "server/web-02" }, code: decision.CodeWorkflow},
		"another run":       {envelope: func(e *decision.Envelope) { e.Run = "01JZ0000000000000000000001" }, code: decision.CodeRun},
		"another gate":      {envelope: func(e *decision.Envelope) { e.Gate = "hold" }, code: decision.CodeGate},
		"another nonce":     {envelope: func(e *decision.Envelope) { e.Nonce = decision.NewNonce() }, code: decision.CodeNonce, reason: "earlier opening"},
		"another command":   {envelope: func(e *decision.Envelope) { e.Command = decision.Cancel }, code: decision.CodeCommand, reason: "it takes approve, reject"},
		"another plan":      {envelope: func(e *decision.Envelope) { e.Hash = other }, code: decision.CodeHash, reason: "look at it again"},
		"another step": {
			envelope: func(e *decision.Envelope) { e.Command, e.Step = decision.Retry, "b" },
			court:    func(c *court) { c.gate.Step = "a" }, code: decision.CodeStep, reason: `held is "a"`,
		},
		"issued later":     {envelope: func(e *decision.Envelope) { e.Issued = at.Add(5 * time.Minute) }, code: decision.CodeEarly, reason: "check the signer's clock"},
		"expired":          {envelope: func(e *decision.Envelope) { e.Issued, e.Expires = at.Add(-2*time.Hour), at.Add(-time.Hour) }, code: decision.CodeExpired, reason: "sign it again"},
		"valid too long":   {envelope: func(e *decision.Envelope) { e.Expires = e.Issued.Add(25 * time.Hour) }, code: decision.CodeLifetime, reason: "at most 24h"},
		"valid for ever":   {envelope: func(e *decision.Envelope) { e.Expires = e.Issued.AddDate(5000, 0, 0) }, code: decision.CodeLifetime},
		"not allowed":      {envelope: func(e *decision.Envelope) { e.Command = decision.Reject }, code: decision.CodeNotAllowed},
		"nobody may do it": {envelope: func(e *decision.Envelope) { e.Command = decision.Purge }, code: decision.CodeNotAllowed},
	}
}

func trialsOfGate() map[string]trial {
	return map[string]trial{
		"gate without workflow":    {court: func(c *court) { c.gate.WorkflowID = "" }, code: decision.CodeNoGate},
		"gate without run":         {court: func(c *court) { c.gate.Run = "" }, code: decision.CodeNoGate},
		"gate without id":          {court: func(c *court) { c.gate.Gate = "" }, code: decision.CodeNoGate},
		"gate without hash":        {court: func(c *court) { c.gate.Hash = "" }, code: decision.CodeNoGate},
		"gate without nonce":       {court: func(c *court) { c.gate.Nonce = "" }, code: decision.CodeNoGate, reason: "no nonce"},
		"gate without commands":    {court: func(c *court) { c.gate.Commands = nil }, code: decision.CodeNoGate, reason: "no command"},
		"policy without signers":   {court: func(c *court) { c.policy.Signers = nil }, code: decision.CodeNoPolicy},
		"policy without cluster":   {court: func(c *court) { c.policy.Cluster = "" }, code: decision.CodeNoPolicy},
		"policy without namespace": {court: func(c *court) { c.policy.Namespace = "" }, code: decision.CodeNoPolicy},
		"empty file of signers":    {court: func(c *court) { c.policy.Signers = &decision.AllowedSigners{} }, code: decision.CodeSigner},
	}
}

func trialsOfBytes() map[string]trial {
	return map[string]trial{
		"nothing":       {signed: func(s *decision.Signed) { *s = decision.Signed{} }, code: decision.CodeMalformed},
		"no JSON":       {signed: func(s *decision.Signed) { s.Envelope = []byte("approve") }, code: decision.CodeMalformed},
		"too large":     {signed: func(s *decision.Signed) { s.Envelope = make([]byte, decision.MaxSize+1) }, code: decision.CodeMalformed, reason: "more than the 16384"},
		"not canonical": {signed: func(s *decision.Signed) { s.Envelope = append(s.Envelope, '\n') }, code: decision.CodeMalformed, reason: "not canonical"},
		"envelope exchanged": {signed: func(s *decision.Signed) {
			e := envelope(func(e *decision.Envelope) { e.Reason = "x" })
			s.Envelope = must(e.Canonical())
		}, code: decision.CodeSignature, reason: "does not fit"},
		"person exchanged": {
			signed: func(s *decision.Signed) {
				s.Envelope = []byte(strings.Replace(string(s.Envelope), "alice@", "bobby@", 1))
			},
			code: decision.CodeSignature, reason: "does not fit",
		},
		"no signature":        {signed: func(s *decision.Signed) { s.Signature = "" }, code: decision.CodeSignature},
		"signature is words":  {signed: func(s *decision.Signed) { s.Signature = "yes" }, code: decision.CodeSignature},
		"signature is cut":    {signed: func(s *decision.Signed) { s.Signature = s.Signature[:100] }, code: decision.CodeSignature},
		"signature with CRLF": {signed: func(s *decision.Signed) { s.Signature = strings.ReplaceAll(s.Signature, "\n", "\r\n") }, code: decision.CodeSignature},
		"signature endless":   {signed: func(s *decision.Signed) { s.Signature += strings.Repeat("\n", 1<<17) }, code: decision.CodeSignature, reason: "more than the 65536"},
	}
}

func trialsOfSigner() map[string]trial {
	const carol = "carol@ops.example.org"
	as := func(person string) func(*decision.Envelope) { return func(e *decision.Envelope) { e.Person = person } }
	cert := func(principal string, change func(*ssh.Certificate)) func(*testing.T, court) ssh.Signer {
		return func(t *testing.T, c court) ssh.Signer { return certified(t, c, principal, change) }
	}
	return map[string]trial{
		"stranger":          {signer: func(t *testing.T, _ court) ssh.Signer { return newSigner(t) }, code: decision.CodeSigner, reason: "no line of the allowed signers gives"},
		"another's name":    {signer: func(_ *testing.T, c court) ssh.Signer { return c.bob }, code: decision.CodeSigner},
		"unknown name":      {envelope: as("mallory@example.org"), code: decision.CodeSigner},
		"pattern as name":   {envelope: as("*"), code: decision.CodeSigner},
		"authority itself":  {envelope: as(carol), signer: func(_ *testing.T, c court) ssh.Signer { return c.authority }, code: decision.CodeSigner},
		"other certificate": {envelope: as(carol), signer: cert("dave@ops.example.org", nil), code: decision.CodeSigner, reason: "not in the set of valid principals"},
		"name beyond line":  {envelope: as("carol@example.org"), signer: cert("carol@example.org", nil), code: decision.CodeSigner},
		"expired certificate": {
			envelope: as(carol), signer: cert(carol, func(c *ssh.Certificate) { c.ValidBefore = uint64(at.Unix()) }),
			code: decision.CodeSigner, reason: "expired",
		},
		"host certificate": {
			envelope: as(carol), signer: cert(carol, func(c *ssh.Certificate) { c.CertType = ssh.HostCert }),
			code: decision.CodeSigner, reason: "not a user's",
		},
		"critical option": {
			envelope: as(carol), signer: cert(carol, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": "10.0.0.0/8"} }),
			code: decision.CodeSigner, reason: "source-address",
		},
		"revoked key": {
			court: func(c *court) { c.policy.Revoked = must(decision.ParseRevoked(strings.NewReader(public(c.alice)))) },
			code:  decision.CodeRevoked, reason: "line 1 of the revoked keys",
		},
		"revoked authority": {
			envelope: as(carol), signer: cert(carol, nil),
			court: func(c *court) { c.policy.Revoked = must(decision.ParseRevoked(strings.NewReader(public(c.authority)))) },
			code:  decision.CodeRevoked, reason: "authority",
		},
		"key for git only": {
			court: func(c *court) {
				c.policy.Signers = must(decision.ParseAllowedSigners(strings.NewReader(`* namespaces="git" ` + public(c.alice))))
			},
			code: decision.CodeSigner, reason: "line 1 of the allowed signers: the key may sign in the namespaces",
		},
		"key of last year": {
			court: func(c *court) {
				c.policy.Signers = must(decision.ParseAllowedSigners(strings.NewReader(`* valid-before="20260101Z" ` + public(c.alice))))
			},
			code: decision.CodeSigner, reason: "valid until 2026-01-01T00:00:00Z",
		},
	}
}

func TestNoPolicyNoDecision(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	var none *decision.Policy
	require.Equal(t, decision.CodeNoPolicy, none.Judge(c.sign(t, c.alice), c.gate, at).ReasonCode)
	require.Equal(t, decision.CodeNoPolicy, new(decision.Policy).Judge(decision.Signed{}, decision.Expectation{}, time.Time{}).ReasonCode)
}

func TestASignatureForAnotherPurposeIsNone(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	e := envelope()
	message := must(e.Canonical())
	for _, namespace := range []string{"git", "file", "decision@other"} {
		signed := decision.Signed{Envelope: message, Signature: armor(t, c.alice, message, namespace)}
		v := c.policy.Judge(signed, c.gate, at)
		require.Equal(t, decision.CodeSignature, v.ReasonCode)
		require.Contains(t, v.Reason, namespace)
	}
	require.True(t, c.policy.Judge(decision.Signed{Envelope: message, Signature: armor(t, c.alice, message, decision.Namespace)}, c.gate, at).Accepted)
}

// kinds are signers of every type of key that Go can make.
func kinds(t *testing.T) map[string]ssh.Signer {
	t.Helper()
	signers := map[string]ssh.Signer{"ed25519": newSigner(t)}
	for name, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		signers[name] = must(ssh.NewSignerFromKey(must(ecdsa.GenerateKey(curve, rand.Reader))))
	}
	signers["rsa"] = must(ssh.NewSignerFromKey(must(rsa.GenerateKey(rand.Reader, 2048))))
	return signers
}
