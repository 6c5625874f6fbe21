package starter

import (
	"fmt"
	"os"

	"fermata/config"
	"fermata/decision"
)

// localRules reads the installation's policy file as this machine has it; nil if there is none.
func localRules(cfg *config.Installation) (*decision.Rules, error) {
	path := cfg.Decisions.Policy
	if path == "" {
		return nil, nil //nolint:nilnil // The nil rules are those of an installation without a policy file.
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the policy (spec.decisions.policy): %w", err)
	}
	return decision.ParseRules(path, data)
}
