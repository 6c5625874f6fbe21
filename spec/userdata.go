package spec

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"fermata/spec/document"
)

// maxUserData is what guestinfo takes with room for its encoding.
const maxUserData = 48 << 10

// Keys of cloud-config that set what the metadata sets: host name and network have one owner.
var metadataKeys = map[string]bool{
	"hostname": true, "fqdn": true, "prefer_fqdn_over_hostname": true, "preserve_hostname": true, "create_hostname_file": true, "network": true,
}

// Words in a key that say that its value is a secret. lock_passwd is cloud-config's switch, no secret.
var secretWords = map[string]bool{
	"password": true, "passwords": true, "passwd": true, "chpasswd": true, "passphrase": true, "secret": true, "secrets": true,
	"token": true, "tokens": true, "private": true, "apikey": true, "credential": true, "credentials": true,
}

var keysWithoutSecret = map[string]bool{"lock_passwd": true, "lock-passwd": true}

var (
	keyWord      = regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+`)
	cryptHash    = regexp.MustCompile(`\$(1|2[abxy]?|5|6|7|y|gy|argon2id?)\$[^\s$]+\$`)
	urlPassword  = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@`)
	commandWord  = regexp.MustCompile(`\bchpasswd\b|\bpasswd\s+--stdin\b`)
	base64Text   = regexp.MustCompile(`^[A-Za-z0-9+/\s]{24,}={0,2}\s*$`)
	secretAssign = regexp.MustCompile(`(?i)\b[a-z0-9_-]*(password|passwd|passphrase|secret|token|api_?key)\s*[=:]\s*\S`)
)

// userData checks the extra cloud-config of a machine: public keys only, and nothing that the metadata owns. What it
// finds it does not repeat. See https://cloudinit.readthedocs.io/en/latest/reference/modules.html.
func (c checker) userData(at, text string) {
	if len(text) > maxUserData {
		c.Add(at, "expected at most %d bytes, found %d", maxUserData, len(text))
		return
	}
	if first, _, _ := strings.Cut(text, "\n"); strings.TrimRight(first, " \r") != "#cloud-config" {
		c.Add(at, "expected #cloud-config in the first line, found something else")
		return
	}
	inner := document.Read("userData", []byte(text))
	root := inner.Root()
	if root == nil {
		c.Add(at, "expected cloud-config that is one YAML document, found something else")
		return
	}
	if root.Kind != yaml.MappingNode {
		c.Add(at, "expected cloud-config that is a mapping, found something else")
		return
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if key := root.Content[i]; metadataKeys[strings.ToLower(key.Value)] {
			c.AddWithin(at, key.Line, key.Column, "expected no %q: host name and network are set from metadata.name and spec.network", key.Value)
		}
	}
	c.cloudConfig(at, root)
}

// cloudConfig walks over the nodes as written: an alias is not followed, what it names is visited where it stands.
func (c checker) cloudConfig(at string, node *yaml.Node) {
	switch node.Kind {
	case yaml.ScalarNode:
		if what := secretIn(node.Value); what != "" {
			c.AddWithin(at, node.Line, node.Column, "expected no secret in user data, found %s: everyone who may see the machine can read it; "+
				"use os.files with secret://provider/name", what)
		} else if commandWord.MatchString(node.Value) || secretAssign.MatchString(node.Value) {
			c.AddWithin(at, node.Line, node.Column, "expected no secret in user data, found a text that sets one; "+
				"use os.files with secret://provider/name")
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			c.cloudConfig(at, item)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if key.Kind != yaml.ScalarNode {
				c.cloudConfig(at, key)
			}
			if isSecretKey(key.Value) {
				c.AddWithin(at, key.Line, key.Column, "expected no secret in user data, found the key %q: everyone who may see the machine "+
					"can read it; use os.files with secret://provider/name", key.Value)
				continue
			}
			c.cloudConfig(at, value)
		}
	}
}

func isSecretKey(key string) bool {
	if keysWithoutSecret[strings.ToLower(key)] {
		return false
	}
	for _, word := range keyWord.FindAllString(key, -1) {
		if secretWords[strings.ToLower(word)] {
			return true
		}
	}
	lower := strings.ToLower(key)
	return strings.Contains(lower, "api_key") || strings.Contains(lower, "access_key") || secretWords[lower]
}

// secretIn names the secret that text holds, without repeating it, or returns "".
func secretIn(text string) string {
	if base64Text.MatchString(text) {
		if plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err == nil {
			if what := secretIn(string(plain)); what != "" {
				return fmt.Sprintf("%s in base64", what)
			}
		}
	}
	switch {
	case strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, "AGE-SECRET-KEY-"):
		return "a private key"
	case strings.Contains(text, "secret://"):
		return "a secret reference, which is not resolved here"
	case cryptHash.MatchString(text):
		return "the hash of a password"
	case urlPassword.MatchString(text):
		return "a URL with a password"
	}
	return ""
}
