package authority

import (
	"context"
	"os"
	"time"

	"fermata/activities/fault"
	"fermata/decision"
)

// Files is a policy in OpenSSH's files. They are read at every decision, so that a key that was withdrawn stops counting
// at once.
type Files struct {
	Cluster        string
	Namespace      string
	AllowedSigners string              // Path of an allowed_signers file.
	Revoked        string              // Path of a file of revoked public keys; optional.
	May            map[string][]string // Command -> principal patterns.
	MaxAge         time.Duration       // How long a decision may be valid at most; zero: the default.
}

// Policy reads the files.
func (f Files) Policy(context.Context) (*decision.Policy, error) {
	p := &decision.Policy{Cluster: f.Cluster, Namespace: f.Namespace, Lifetime: f.MaxAge}
	var err error
	if p.Signers, err = readSigners(f.AllowedSigners); err != nil {
		return nil, err
	}
	if p.Revoked, err = readRevoked(f.Revoked); err != nil {
		return nil, err
	}
	if p.May, err = commands(f.May); err != nil {
		return nil, err
	}
	return p, nil
}

func readSigners(path string) (*decision.AllowedSigners, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading who may decide (spec.decisions.allowedSigners)")
	}
	defer func() { _ = file.Close() }()
	signers, err := decision.ParseAllowedSigners(file)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading "+path)
	}
	return signers, nil
}

func readRevoked(path string) (*decision.Revoked, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // The nil list revokes nothing.
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading revoked keys (spec.decisions.revoked)")
	}
	defer func() { _ = file.Close() }()
	revoked, err := decision.ParseRevoked(file)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading "+path)
	}
	return revoked, nil
}

func commands(may map[string][]string) (map[decision.Command][]string, error) {
	out := make(map[decision.Command][]string, len(may))
	for name, who := range may {
		c := decision.Command(name)
		if !c.Known() {
			return nil, fault.New(fault.Invalid, "spec.decisions.may: no command %q", name)
		}
		out[c] = who
	}
	return out, nil
}
