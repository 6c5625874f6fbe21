package vaultsecret

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// login holds the token that calls are made with. It is the provider's alone: it is neither logged nor written anywhere.
type login struct {
	auth Auth
	send func(ctx context.Context, c call, into any) error
	now  func() time.Time // Nil: time.Now.

	mu        sync.Mutex
	held      secret.Value
	renewAt   time.Time // When two thirds of its life are over; zero: it lives on by itself.
	expires   time.Time
	renewable bool
}

// token returns a token that should count: the file's, or the role's, renewed or made anew where it is about to end.
func (l *login) token(ctx context.Context) (secret.Value, error) {
	if l.auth.TokenFile != "" {
		return credential("the token", l.auth.TokenFile)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if l.held.Text() != "" && (l.renewAt.IsZero() || now.Before(l.renewAt)) {
		return l.held, nil
	}
	if l.held.Text() != "" && l.renewable && now.Before(l.expires) {
		err := l.take(ctx, call{method: http.MethodPost, path: "auth/token/renew-self", body: struct{}{}, token: l.held, denied: http.StatusBadRequest, doing: "renewing the token"})
		if err == nil && l.clock().Before(l.renewAt) {
			return l.held, nil
		}
		if err != nil && !fault.Is(err, fault.Unauthorized) {
			return l.held, nil // Vault is away or busy. The token still counts for a third of its life.
		}
	}
	return l.held, l.again(ctx)
}

// again logs in. What was held before is forgotten.
func (l *login) again(ctx context.Context) error {
	l.held = secret.Value{}
	role := l.auth.AppRole
	id, err := credential("the secret id", role.SecretIDFile)
	if err != nil {
		return err
	}
	mount := role.Mount
	if mount == "" {
		mount = "approle"
	}
	return l.take(ctx, call{
		method: http.MethodPost, path: "auth/" + mount + "/login", doing: "logging in with AppRole",
		body:   map[string]string{"role_id": role.RoleID, "secret_id": id.Text()},
		denied: http.StatusBadRequest, // Of a secret id that is wrong, over or used up.
	})
}

// take makes a call that answers with a token, and holds that.
func (l *login) take(ctx context.Context, c call) error {
	var out struct {
		Auth struct {
			ClientToken   string `json:"client_token"`
			LeaseDuration int64  `json:"lease_duration"` // Seconds; 0: it does not end.
			Renewable     bool   `json:"renewable"`
		} `json:"auth"`
	}
	asked := l.clock() // The lease began before the answer was here.
	if err := l.send(ctx, c, &out); err != nil {
		return err
	}
	if out.Auth.ClientToken == "" {
		return fault.New(fault.Invalid, "%s: the answer holds no token", c.doing)
	}
	life := time.Duration(out.Auth.LeaseDuration) * time.Second
	l.held, l.renewable = secret.NewValue([]byte(out.Auth.ClientToken)), out.Auth.Renewable
	l.expires, l.renewAt = time.Time{}, time.Time{}
	if life > 0 {
		l.expires, l.renewAt = asked.Add(life), asked.Add(life*2/3)
	}
	return nil
}

// forget reports whether it is worth to ask again with another token, after Vault refused this one. Vault says "permission
// denied" to a token that is over as it does to one that may not; the token's own look at itself tells which it was. A login
// for every refused path would use up the secret id.
func (l *login) forget(ctx context.Context, refused secret.Value) bool {
	if l.auth.AppRole == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held.Text() != refused.Text() {
		return true // Somebody else has logged in meanwhile.
	}
	err := l.send(ctx, call{method: http.MethodGet, path: "auth/token/lookup-self", token: refused, doing: "looking at the token"}, nil)
	if !fault.Is(err, fault.Unauthorized) {
		return false
	}
	l.held = secret.Value{}
	return true
}

func (l *login) clock() time.Time {
	if l.now == nil {
		return time.Now()
	}
	return l.now()
}

// maxCredential is the size of the largest credential, in bytes.
const maxCredential = 8 << 10

// credential reads a file that only its owner can read.
func credential(what, path string) (secret.Value, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // A pipe must not hold up.
	if err != nil {
		kind := fault.Unavailable
		if errors.Is(err, fs.ErrPermission) {
			kind = fault.Unauthorized
		}
		return secret.Value{}, fault.New(kind, "reading %s: %w", what, err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return secret.Value{}, fault.New(fault.Unavailable, "reading %s: %w", what, err)
	case !info.Mode().IsRegular():
		return secret.Value{}, fault.New(fault.Invalid, "reading %s: %s is no regular file", what, path)
	case info.Mode().Perm()&0o077 != 0:
		return secret.Value{}, fault.New(fault.Unauthorized, "reading %s: %s can be read or changed by others (mode %04o): run chmod 600 %q", what, path, info.Mode().Perm(), path)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxCredential+1))
	if err != nil {
		return secret.Value{}, fault.New(fault.Unavailable, "reading %s: %w", what, err)
	}
	text := strings.TrimSpace(string(content))
	if text == "" || len(content) > maxCredential || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Value{}, fault.New(fault.Invalid, "reading %s: %s holds no credential: expected one line", what, path)
	}
	return secret.NewValue([]byte(text)), nil
}
