package attack

import (
	"bytes"
	"strings"
	"time"

	"fermata/decision"
	"fermata/workflows/approval"
)

// attack is a decision that must not count.
type attack struct {
	name string
	make func(f *forger) decision.Signed
	code string // The verdict. Malformed: the update's validator refuses it before it leaves a trace; a signal is recorded.
	// heavy: only the verdict is recorded, not the bytes.
	heavy bool
	cli   *typed // How the command line is brought to it; nil: it cannot, and why tells why.
	why   string
}

// typed is what a person types, and what comes of it.
type typed struct {
	args    []string // TARGET stands for the target, OTHER for the run that held it before.
	foreign bool     // With the description of another installation.
	exit    int
	says    string
	code    string // The recorded verdict; empty: nothing was sent.
}

// Why the command line makes no such decision.
const (
	clock    = "it signs for the next 15 minutes by this machine's clock and takes no times"
	open     = "it answers the gate that is open, with that gate's nonce"
	addressd = "it sends a decision to the run that it names"
	writes   = "it writes the envelope itself, in canonical form"
	signs    = "it signs what it sends, itself and in one way"
)

func approve(args ...string) []string {
	return append([]string{"approve", "--yes", "TARGET"}, args...)
}

// refusedBy is a command that is sent, and refused by the worker.
func refusedBy(code string, args ...string) *typed {
	return &typed{args: approve(args...), exit: 3, says: "(" + code + ")", code: code}
}

func changed(person string, change func(*decision.Envelope)) func(f *forger) decision.Signed {
	return func(f *forger) decision.Signed { return f.signed(person, change) }
}

func by(person string) func(f *forger) decision.Signed {
	return func(f *forger) decision.Signed { return f.signed(person) }
}

// keyed is an approval in the name of one with the key of another.
func keyed(person, key string) func(f *forger) decision.Signed {
	return func(f *forger) decision.Signed { return f.with(key, f.canonical(f.envelope(person))) }
}

// attacks are all of them.
func attacks() []attack {
	all := [][]attack{peoples(), times(), places(), contents(), forms(), signatures()}
	var out []attack
	for _, a := range all {
		out = append(out, a...)
	}
	return out
}

func peoples() []attack {
	const signer = decision.CodeSigner
	return []attack{
		{name: "wrong group", make: by(dave), code: decision.CodeNotAllowed, cli: refusedBy(decision.CodeNotAllowed, "--key", dave)},
		{name: "the requester", make: by(asker), code: approval.CodeFourEyes, cli: refusedBy(approval.CodeFourEyes, "--key", asker, "--as", asker)},
		{
			name: "the requester in other letters", make: keyed(shouter, asker), code: approval.CodeFourEyes,
			cli: refusedBy(approval.CodeFourEyes, "--key", asker, "--as", shouter),
		},
		{name: "a machine", make: by(robot), code: decision.CodeMachine, cli: refusedBy(decision.CodeMachine, "--key", robot)},
		{name: "revoked key", make: by(rita), code: decision.CodeRevoked, cli: refusedBy(decision.CodeRevoked, "--key", rita)},
		{name: "key out of its time", make: by(oscar), code: signer, cli: refusedBy(signer, "--key", oscar, "--as", oscar)},
		{name: "key of another person", make: keyed(bob, dave), code: signer, cli: refusedBy(signer, "--key", dave, "--as", bob)},
		{name: "key of nobody, a person's name", make: keyed(bob, nobody), code: signer, cli: refusedBy(signer, "--key", nobody, "--as", bob)},
		{
			name: "key of nobody", make: by(nobody), code: signer,
			cli: &typed{args: approve("--key", nobody), exit: 8, says: "is nobody's"},
		},
		{name: "certificate that has expired", make: keyed(erin, "expired"), code: signer, cli: refusedBy(signer, "--key", "expired", "--as", erin)},
		{name: "certificate before its time", make: keyed(erin, "early"), code: signer, cli: refusedBy(signer, "--key", "early", "--as", erin)},
		{name: "certificate of another name", make: keyed(erin, "other-name"), code: signer, cli: refusedBy(signer, "--key", "other-name", "--as", erin)},
		{name: "certificate of another authority", make: keyed(erin, "foreign"), code: signer, cli: refusedBy(signer, "--key", "foreign", "--as", erin)},
	}
}

func times() []attack {
	moved := func(from, until time.Duration) func(*decision.Envelope) {
		return func(e *decision.Envelope) { e.Issued, e.Expires = e.Issued.Add(from), e.Issued.Add(until) }
	}
	return []attack{
		{name: "expired", make: changed(bob, moved(-time.Hour, -30*time.Minute)), code: decision.CodeExpired, why: clock},
		{name: "before its time", make: changed(bob, moved(30*time.Minute, time.Hour)), code: decision.CodeEarly, why: clock},
		{name: "valid for too long", make: changed(bob, moved(0, 48*time.Hour)), code: decision.CodeLifetime, why: clock},
	}
}

func places() []attack {
	return []attack{
		{
			name: "another cluster's", make: changed(bob, func(e *decision.Envelope) { e.Cluster = "elsewhere" }), code: decision.CodeCluster,
			cli: &typed{args: approve("--key", bob), foreign: true, exit: 3, says: "(cluster)", code: decision.CodeCluster},
		},
		{
			name: "another namespace's", make: changed(bob, func(e *decision.Envelope) { e.Namespace = "elsewhere" }), code: decision.CodeNamespace,
			cli: &typed{args: approve("--key", bob, "--namespace", "elsewhere"), exit: 8, says: "elsewhere"},
		},
		{name: "another target's", make: changed(bob, func(e *decision.Envelope) { e.WorkflowID = "server/web-99" }), code: decision.CodeWorkflow, why: addressd},
		{
			name: "another run's", make: changed(bob, func(e *decision.Envelope) { e.Run = "01J00000000000000000000000" }), code: decision.CodeRun,
			cli: &typed{args: []string{"reject", "--key", bob, "OTHER"}, exit: 6, says: "no longer holds"},
		},
		{name: "replayed from the run before", make: func(f *forger) decision.Signed { return f.earlier }, code: decision.CodeRun, why: open},
		{name: "another gate's", make: changed(bob, func(e *decision.Envelope) { e.Gate = "review" }), code: decision.CodeGate, why: open},
		{name: "replayed from an earlier opening", make: changed(bob, func(e *decision.Envelope) { e.Nonce = decision.NewNonce() }), code: decision.CodeNonce, why: open},
		{name: "the start's envelope", make: func(f *forger) decision.Signed { return f.target.Decisions[0].Signed }, code: decision.CodeGate, why: open},
	}
}

func contents() []attack {
	return []attack{
		{
			name: "changed plan", make: changed(bob, func(e *decision.Envelope) { e.Hash = "sha256:" + strings.Repeat("0", 64) }), code: decision.CodeHash,
			cli: &typed{args: approve("--key", bob, "--hash", "sha256:"+strings.Repeat("0", 64)), exit: 3, says: "it is not the plan that you saw"},
		},
		{
			name: "command of another gate", make: changed(bob, func(e *decision.Envelope) { e.Command = decision.Restore }), code: decision.CodeCommand,
			cli: &typed{args: []string{"restore", "--key", bob, "TARGET"}, exit: 6, says: `waits for nothing that "restore" answers`},
		},
		{
			name: "a step that nobody asked for", make: changed(bob, func(e *decision.Envelope) { e.Command, e.Step = decision.Skip, "deploy" }), code: decision.CodeCommand,
			cli: &typed{args: []string{"skip", "--key", bob, "TARGET", "deploy"}, exit: 6, says: "held are: none"},
		},
		{name: "start, once more", make: changed(bob, func(e *decision.Envelope) { e.Command = decision.Start }), code: decision.CodeCommand, why: open},
	}
}

func forms() []attack {
	const malformed = decision.CodeMalformed
	return []attack{
		{name: "truncated", make: func(f *forger) decision.Signed {
			s := f.signed(bob)
			s.Envelope = s.Envelope[:len(s.Envelope)-9]
			return s
		}, code: malformed, why: writes},
		{name: "empty", make: func(*forger) decision.Signed { return decision.Signed{} }, code: malformed, why: writes},
		{
			name: "oversized", make: func(f *forger) decision.Signed {
				return f.signed(bob, func(e *decision.Envelope) { e.Reason = strings.Repeat("a", decision.MaxSize) })
			}, code: malformed, heavy: true,
			cli: &typed{args: approve("--key", bob, "--reason", strings.Repeat("a", decision.MaxSize)), exit: 2, says: "shorten the reason"},
		},
		{name: "a field more", make: func(f *forger) decision.Signed {
			type more struct {
				decision.Envelope
				Approved bool `json:"approved"`
			}
			return f.with(bob, f.canonical(more{f.envelope(bob), true}))
		}, code: malformed, why: writes},
		{name: "a field twice", make: func(f *forger) decision.Signed {
			return f.with(bob, bytes.Replace(f.canonical(f.envelope(bob)), []byte(`"command":"approve",`), []byte(`"command":"reject","command":"approve",`), 1))
		}, code: malformed, why: writes},
		{name: "not canonical", make: func(f *forger) decision.Signed {
			return f.with(bob, bytes.Replace(f.canonical(f.envelope(bob)), []byte(`,"command"`), []byte(`, "command"`), 1))
		}, code: malformed, why: writes},
		{name: "data behind it", make: func(f *forger) decision.Signed {
			return f.with(bob, append(f.canonical(f.envelope(bob)), "{}"...))
		}, code: malformed, why: writes},
	}
}

func signatures() []attack {
	const signature = decision.CodeSignature
	mangled := func(change func(s string) string) func(f *forger) decision.Signed {
		return func(f *forger) decision.Signed {
			s := f.signed(bob)
			s.Signature = change(s.Signature)
			return s
		}
	}
	return []attack{
		{
			name: "unsigned", make: mangled(func(string) string { return "" }), code: signature,
			cli: &typed{args: approve(), exit: 8, says: "must be signed"},
		},
		{name: "truncated signature", make: mangled(func(s string) string { return s[:len(s)/2] }), code: signature, why: signs},
		{name: "text before the signature", make: mangled(func(s string) string { return "x\n" + s }), code: signature, why: signs},
		{name: "oversized signature", make: mangled(func(s string) string { return s + strings.Repeat("\n", 70<<10) }), code: signature, heavy: true, why: signs},
		{name: "changed after it was signed", make: func(f *forger) decision.Signed {
			s := f.signed(bob)
			s.Envelope = f.canonical(f.envelope(bob, func(e *decision.Envelope) { e.Reason = "no reason" }))
			return s
		}, code: signature, why: signs},
		{name: "signature for git", make: func(f *forger) decision.Signed {
			return f.within(bob, f.canonical(f.envelope(bob)), "git")
		}, code: signature, why: signs},
		{name: "RSA with SHA-1", make: func(f *forger) decision.Signed { return f.outdated(rosa) }, code: signature, why: signs},
	}
}
