// Package providers opens what an installation's description names: the secret providers, and the keys that seal
// payloads. Workers and the command line both need them.
package providers

import (
	"context"
	"fmt"
	"time"

	"fermata/activities/secret"
	"fermata/config"
	"fermata/encryption"
	"fermata/integrations/agesecret"
	"fermata/integrations/envsecret"
	"fermata/integrations/execsecret"
	"fermata/integrations/filesecret"
	"fermata/integrations/vaultsecret"
)

// Open opens the secret providers that are configured.
func Open(cfg *config.Installation) (secret.Providers, error) {
	open := secret.Providers{}
	add := func(name string, p secret.Provider, err error) error {
		if err != nil {
			return fmt.Errorf("opening secret provider %q: %w", name, err)
		}
		open[name] = p
		return nil
	}
	if c := cfg.Secrets.Env; c != nil {
		p, err := envsecret.New(envsecret.Config{Prefix: c.Prefix})
		if err := add("env", p, err); err != nil {
			return nil, err
		}
	}
	if c := cfg.Secrets.File; c != nil {
		p, err := filesecret.New(filesecret.Config{Folder: c.Folder})
		if err := add("file", p, err); err != nil {
			return nil, err
		}
	}
	if c := cfg.Secrets.Age; c != nil {
		p, err := agesecret.New(agesecret.Config{File: c.File, Identity: c.Identity, Writable: c.Writable, Recipients: c.Recipients})
		if err := add("age", p, err); err != nil {
			return nil, err
		}
	}
	if c := cfg.Secrets.Vault; c != nil {
		p, err := vaultsecret.New(vaultConfig(*c))
		if err := add("vault", p, err); err != nil {
			return nil, err
		}
	}
	if c := cfg.Secrets.Exec; c != nil {
		p, err := execsecret.New(execsecret.Config{Command: c.Command, Timeout: time.Duration(c.Timeout), Env: c.Env})
		if err := add("exec", p, err); err != nil {
			return nil, err
		}
	}
	return open, nil
}

func vaultConfig(c config.SecretVault) vaultsecret.Config {
	v := vaultsecret.Config{
		Address: c.Address, CA: c.CA, Namespace: c.Namespace, Timeout: time.Duration(c.Timeout), Writable: c.Writable,
		Auth: vaultsecret.Auth{TokenFile: c.Auth.TokenFile},
	}
	if r := c.Auth.AppRole; r != nil {
		v.Auth.AppRole = &vaultsecret.AppRole{RoleID: r.RoleID, SecretIDFile: r.SecretIDFile, Mount: r.Mount}
	}
	return v
}

// Keys opens the providers and reads the keys that seal payloads and failures.
func Keys(ctx context.Context, cfg *config.Installation) (*encryption.Keyring, error) {
	secrets, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	return Keyring(ctx, cfg, secrets)
}

// Keyring reads the keys that seal payloads and failures. The active one seals; all of them open.
func Keyring(ctx context.Context, cfg *config.Installation, secrets secret.Resolver) (*encryption.Keyring, error) {
	var active encryption.Key
	var older []encryption.Key
	for _, k := range cfg.Encryption.Keys {
		key, err := Key(ctx, k, secrets)
		if err != nil {
			return nil, err
		}
		if k.ID == cfg.Encryption.Active {
			active = key
			continue
		}
		older = append(older, key)
	}
	return encryption.NewKeyring(active, older...)
}

// Key reads one key. The secret must hold the key of that id.
func Key(ctx context.Context, k config.Key, secrets secret.Resolver) (encryption.Key, error) {
	value, err := secrets.Resolve(ctx, k.Secret)
	if err != nil {
		return encryption.Key{}, fmt.Errorf("reading encryption key %q: %w", k.ID, err)
	}
	key, err := encryption.ParseKey(value.Text())
	if err != nil {
		return encryption.Key{}, fmt.Errorf("reading encryption key %q: %w", k.ID, err)
	}
	if key.ID != k.ID {
		return encryption.Key{}, fmt.Errorf("reading encryption key %q: the secret holds key %q", k.ID, key.ID)
	}
	return key, nil
}
