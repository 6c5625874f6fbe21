// Package config is how an installation is described: which Temporal it uses, which keys seal what it stores, whose
// decisions count, where secrets and records are, and which systems its workers reach.
//
// Load reads the description strictly and reports all that is wrong with it with file, line and column. The package
// opens none of the files that a description names and talks to no system. A description holds no secret, only
// references.
package config

import (
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"fermata/activities/secret"
	"fermata/spec"
)

// Kind is the kind of the document that describes an installation.
const Kind = "Installation"

// form is the document around an Installation.
type form struct {
	APIVersion string       `yaml:"apiVersion"` // Version of the document's form: fermata/v1.
	Kind       string       `yaml:"kind"`       // What the document describes: Installation.
	Metadata   metadata     `yaml:"metadata"`   // Names the installation.
	Spec       Installation `yaml:"spec"`       // What the installation is.
}

type metadata struct {
	Name string `yaml:"name"` // What signed decisions are bound to.
}

// Installation is one installation of Fermata: its workers and the people at its command line share a description.
type Installation struct {
	Name       string     `yaml:"-"`                 // metadata.name: the cluster that signed envelopes are bound to.
	Temporal   Temporal   `yaml:"temporal"`          // How the Temporal frontend is reached: address or profile.
	Encryption Encryption `yaml:"encryption"`        // The keys that payloads and failures are sealed with.
	Decisions  Decisions  `yaml:"decisions"`         // Whose signed commands count, and for what.
	Secrets    Secrets    `yaml:"secrets"`           // The providers that references name; at least one.
	Records    Records    `yaml:"records"`           // Where the records of runs go.
	Systems    []System   `yaml:"systems,omitempty"` // What workers reach.
	Ranges     []Range    `yaml:"ranges,omitempty"`  // Ranges of addresses that specs choose from by name.
}

// Temporal says how the Temporal frontend is reached: by a profile of Temporal's own TOML file, by an address, or by a
// profile whose address is replaced.
type Temporal struct {
	Profile    string `yaml:"profile,omitempty"`    // Name of a profile in Temporal's own TOML file; this or address.
	ConfigFile string `yaml:"configFile,omitempty"` // The TOML file; empty: where Temporal's tools look for it.
	Address    string `yaml:"address,omitempty"`    // host:port.
	Namespace  string `yaml:"namespace,omitempty"`  // Temporal's namespace; that of the profile, else default.
	TLS        TLS    `yaml:"tls,omitempty"`        // Files of a mutual TLS connection.
}

// TLS are the files of a mutual TLS connection, PEM.
type TLS struct {
	CA         string `yaml:"ca,omitempty"`         // Certificates that the server's must come from.
	Cert       string `yaml:"cert,omitempty"`       // The client's certificate; goes with Key.
	Key        string `yaml:"key,omitempty"`        // The client's private key; goes with Cert.
	ServerName string `yaml:"serverName,omitempty"` // Name in the server's certificate, if it is not the address's host.
}

// Encryption names the keys that payloads and failures are sealed with.
type Encryption struct {
	Active string `yaml:"active"` // ID of the key that seals. All keys open.
	Keys   []Key  `yaml:"keys"`   // At least one.
}

// Key is one key, by reference.
type Key struct {
	ID     string     `yaml:"id"`     // Name of the key, which stands beside what it sealed.
	Secret secret.Ref `yaml:"secret"` // Reference to the key: secret://file/payload-key.
}

// Decisions says whose signed commands count.
type Decisions struct {
	AllowedSigners string `yaml:"allowedSigners"`    // OpenSSH allowed_signers file.
	Revoked        string `yaml:"revoked,omitempty"` // File of revoked keys.
	// Policy is the file, of kind Policy, that says who may have what done. Without one every allowed signer may give every
	// command, and somebody other than the requester must approve.
	Policy string `yaml:"policy,omitempty"`
	// MaxAge is how old a signed command may be, 24h if absent.
	MaxAge spec.Duration `yaml:"maxAge,omitempty"`
}

// Secrets are the providers that references name: secret://file/…, secret://env/…, secret://age/…, secret://vault/…,
// secret://exec/….
type Secrets struct {
	File  *SecretFolder `yaml:"file,omitempty"`  // secret://file/NAME.
	Env   *SecretEnv    `yaml:"env,omitempty"`   // secret://env/NAME.
	Age   *SecretAge    `yaml:"age,omitempty"`   // secret://age/NAME.
	Vault *SecretVault  `yaml:"vault,omitempty"` // secret://vault/MOUNT/PATH#FIELD.
	Exec  *SecretExec   `yaml:"exec,omitempty"`  // secret://exec/NAME.
}

// SecretFolder is a folder with a file for each secret.
type SecretFolder struct {
	Folder string `yaml:"folder"` // Its files are readable by their owner only: 0600.
}

// SecretEnv is the worker's environment.
type SecretEnv struct {
	Prefix string `yaml:"prefix"` // Only variables that begin with it are read.
}

// SecretAge is a file of secrets, encrypted with age.
type SecretAge struct {
	File     string `yaml:"file"`     // The encrypted file.
	Identity string `yaml:"identity"` // File with the identity that opens it.
	// Writable lets Fermata keep new versions of secrets in the file. One worker may write it.
	Writable bool `yaml:"writable,omitempty"`
	// Recipients are the public keys that the file is encrypted to when it is written: those of all who read it.
	Recipients []string `yaml:"recipients,omitempty"`
}

// SecretVault is a Vault, or an OpenBao. Its credential is in a file: it cannot be a secret that it gives out itself.
type SecretVault struct {
	Address   string        `yaml:"address"`             // https://host:port.
	CA        string        `yaml:"ca,omitempty"`        // PEM file with the authorities to trust instead of the machine's.
	Namespace string        `yaml:"namespace,omitempty"` // Empty: the root namespace.
	Timeout   spec.Duration `yaml:"timeout,omitempty"`   // Of a request; 30s if absent.
	// Writable are the paths that Fermata may keep new versions of secrets at, and below: kv/web-01. None if absent.
	Writable []string  `yaml:"writable,omitempty"`
	Auth     VaultAuth `yaml:"auth"` // How a worker logs in.
}

// VaultAuth is how a worker logs in: exactly one way.
type VaultAuth struct {
	AppRole   *VaultAppRole `yaml:"approle,omitempty"`   // A role of the AppRole method.
	TokenFile string        `yaml:"tokenFile,omitempty"` // File with a token that something else keeps alive, mode 0600.
}

// VaultAppRole is a role of Vault's AppRole method.
type VaultAppRole struct {
	RoleID       string `yaml:"roleId"`          // Of the role.
	SecretIDFile string `yaml:"secretIdFile"`    // File with the secret id, mode 0600.
	Mount        string `yaml:"mount,omitempty"` // Where the method is mounted; approle if absent.
}

// SecretExec is a helper program.
type SecretExec struct {
	Command []string      `yaml:"command"`           // Absolute path, then arguments. There is no shell.
	Timeout spec.Duration `yaml:"timeout,omitempty"` // When it is killed; 10s if absent.
	Env     []string      `yaml:"env,omitempty"`     // Names of the variables that it is given; none if absent.
}

// Records says where records of runs go.
type Records struct {
	Folder string `yaml:"folder"` // A folder that all workers which serve records share.
}

// System is one system that workers reach: a vCenter, a load balancer, the guests.
type System struct {
	Name string `yaml:"name"`           // Unique; specs choose the system by it.
	Type string `yaml:"type"`           // The integration: "vsphere".
	Site string `yaml:"site,omitempty"` // Only workers of this site reach it; empty: the only site.
	// Rate is how many activities a second Temporal hands out at most for a queue that the system is reached by; 0: no bound.
	Rate   float64   `yaml:"rate,omitempty"`
	Config yaml.Node `yaml:"config,omitempty"` // The integration's part; Decode reads it.

	file string // File that the description was read from.
	path string // Where Config stands in it.
	// providers are the secret providers that the installation has; nil: not known.
	providers map[string]bool
}

// Resolve returns path relative to the file that describes the installation, as all paths in it are. An empty path stays
// empty.
func (s System) Resolve(path string) string { return relativeTo(s.file, path) }

func relativeTo(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
