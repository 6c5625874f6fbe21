package database

import (
	"context"
	"crypto/rand"
	"math/big"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// letters need no quoting in connection strings, option files, service files and URLs, and no escaping in SQL.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// passwordLength makes 238 bits of chance: a verifier in a server's log is no way back to it.
const passwordLength = 40

func newPassword() (secret.Value, error) {
	password := make([]byte, passwordLength)
	for i := range password {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return secret.Value{}, fault.Wrap(fault.Unavailable, err, "making a password")
		}
		password[i] = letters[n.Int64()]
	}
	return secret.NewValue(password), nil
}

// keep makes a password and keeps it under op's key before any server knows it. What an earlier attempt kept is used.
func (a *Activities) keep(ctx context.Context, op operation.Op, ref secret.Ref, after string) (kept secret.Value, version string, err error) {
	if err := CheckOp(op); err != nil {
		return secret.Value{}, "", err
	}
	made, err := newPassword()
	if err != nil {
		return secret.Value{}, "", err
	}
	return a.secrets.Keep(ctx, ref, op.Key.String(), after, made)
}

// hidden takes a password out of an error: a server or a machine may quote what it was given.
func hidden(err error, password secret.Value) error {
	if err == nil {
		return nil
	}
	if text := secret.Hide(err.Error(), password); text != err.Error() {
		return fault.Reword(err, text)
	}
	return err
}

// NewestPassword tells the newest version of a secret, and nothing of its value. Invalid: no password can be kept there.
func (a *Activities) NewestPassword(ctx context.Context, in NewestPasswordInput) (NewestPasswordOutput, error) {
	if err := a.secrets.CanKeep(in.Secret); err != nil {
		return NewestPasswordOutput{}, fault.ForTemporal(err)
	}
	version, err := a.secrets.Pin(ctx, in.Secret)
	if fault.Is(err, fault.NotFound) {
		return NewestPasswordOutput{}, nil
	}
	return NewestPasswordOutput{Version: version}, fault.ForTemporal(err)
}

// RestorePassword gives a role the password of a version that is kept already, and with it the right to log in.
func (a *Activities) RestorePassword(ctx context.Context, in RestorePasswordInput) (RestorePasswordOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (RestorePasswordOutput, error) {
		if in.Secret.Version() == "" {
			return RestorePasswordOutput{}, fault.New(fault.Invalid, "restoring the password of role %s: expected a version of %s, found none", in.Role, in.Secret)
		}
		password, err := a.secrets.Resolve(ctx, in.Secret)
		if err != nil {
			return RestorePasswordOutput{}, err
		}
		return RestorePasswordOutput{}, hidden(s.SetPassword(ctx, in.Op, in.Role, password, p), password)
	})
}
