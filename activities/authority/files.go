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
	AllowedSigners string        // Path of an allowed_signers file.
	Revoked        string        // Path of a file of revoked public keys; optional.
	Rules          string        // Path of the policy file; optional.
	MaxAge         time.Duration // How long a decision may be valid at most; zero: the default.
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
	if p.Rules, err = readRules(f.Rules); err != nil {
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

func readRules(path string) (*decision.Rules, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // The nil rules are those of an installation without a policy file.
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading the policy (spec.decisions.policy)")
	}
	rules, err := decision.ParseRules(path, data)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading the policy (spec.decisions.policy)")
	}
	return rules, nil
}
