package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"
)

// tool runs one of OpenLDAP's own clients, which share nothing with the driver, over TLS.
func (s *Server) tool(ctx context.Context, name, who, passwordFile string, args ...string) (string, error) {
	args = append([]string{"-H", "ldaps://" + s.Address, "-x", "-D", who, "-y", passwordFile}, args...)
	cmd := exec.CommandContext(ctx, "/usr/bin/"+name, args...) //nolint:gosec // As above.
	cmd.Env = []string{"LDAPTLS_CACERT=" + s.CAFile(), "LDAPTLS_REQCERT=demand", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return string(out), nil
}

// LogsIn reports whether ldapwhoami is let in. Any other refusal than that of the credential is an error.
func (s *Server) LogsIn(ctx context.Context, dn, password string) (bool, error) {
	file := s.path("try-" + rand.Text())
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(file) }()
	out, err := s.tool(ctx, "ldapwhoami", dn, file)
	var exit *exec.ExitError
	switch {
	case err == nil && strings.Contains(strings.ToLower(out), strings.ToLower(dn)):
		return true, nil
	case errors.As(err, &exit) && exit.ExitCode() == ldap.LDAPResultInvalidCredentials:
		return false, nil
	case err == nil:
		return false, fmt.Errorf("ldapwhoami says %q", out)
	}
	return false, err
}

// SetPassword gives an account a password, as an administrator does.
func (s *Server) SetPassword(ctx context.Context, dn, password string) error {
	file := s.path("new-" + rand.Text())
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(file) }()
	_, err := s.tool(ctx, "ldappasswd", Admin, s.path("password"), "-T", file, dn)
	return err
}

// Search is what ldapsearch prints, one attribute a line.
func (s *Server) Search(ctx context.Context, base, scope string, attributes ...string) (string, error) {
	args := append([]string{"-LLL", "-o", "ldif-wrap=no", "-b", base, "-s", scope, "(objectClass=*)"}, attributes...)
	return s.tool(ctx, "ldapsearch", Admin, s.path("password"), args...)
}
