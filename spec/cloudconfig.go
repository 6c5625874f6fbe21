package spec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/ssh"
)

var accountName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// CloudConfig is the user data of a new machine: the cloud-config of a spec, empty or with its first line, and in it the account
// that the worker logs in as, with its public key. set are settings of the machine's own, runs are commands of its first boot.
// See https://cloudinit.readthedocs.io/en/latest/reference/modules.html.
func CloudConfig(extra, user, authorizedKey string, set map[string]any, runs ...[]string) ([]byte, error) {
	document := map[string]any{}
	if text := strings.TrimSpace(extra); text != "" {
		if first, _, _ := strings.Cut(text, "\n"); strings.TrimSpace(first) != "#cloud-config" {
			return nil, errors.New("the user data is no cloud-config: its first line is not #cloud-config")
		}
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			return nil, errors.New("the user data is no YAML mapping")
		}
		if document == nil {
			document = map[string]any{}
		}
	}
	for key, value := range set {
		document[key] = value
	}
	users, err := cloudUsers(document["users"], user, authorizedKey)
	if err != nil {
		return nil, err
	}
	document["users"] = users
	commands, ok := document["runcmd"].([]any)
	if !ok && document["runcmd"] != nil {
		return nil, errors.New("runcmd in the user data is no list")
	}
	for _, run := range runs {
		words := make([]any, len(run))
		for i, word := range run {
			words[i] = word
		}
		commands = append(slices.Clone(commands), words)
	}
	if len(commands) > 0 {
		document["runcmd"] = commands
	}
	text, err := yaml.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("writing the user data: %w", err)
	}
	return append([]byte("#cloud-config\n"), text...), nil
}

func cloudUsers(given any, name, authorizedKey string) ([]any, error) {
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(authorizedKey))
	if err != nil || len(rest) > 0 {
		return nil, errors.New("expected the worker's public key on one line")
	}
	if !accountName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name for an account", name)
	}
	users, ok := given.([]any)
	if !ok && given != nil {
		return nil, errors.New("users in the user data is no list")
	}
	for _, user := range users {
		if entry, ok := user.(map[string]any); ok && entry["name"] == name || user == any(name) {
			return nil, fmt.Errorf("the user data describes %q, the account of access.user: leave it out", name)
		}
	}
	if given == nil {
		users = []any{"default"}
	}
	return append(slices.Clone(users), map[string]any{
		"name": name, "lock_passwd": true, "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL",
		"ssh_authorized_keys": []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))},
	}), nil
}
