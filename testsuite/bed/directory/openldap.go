// Package directory runs Debian's OpenLDAP with the overlays ppolicy, memberof and unique, and judges it by its own tools.
//
// The worker's account in it has no more rights than integrations/ldap/README.md asks for. That the directory is away or loses
// an answer is arranged by a relay before it.
package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/faults"
	"fermata/testsuite/bed/host"
)

// The entries that are there from the beginning.
const (
	Base     = "dc=estate,dc=test"
	People   = "ou=people," + Base
	Groups   = "ou=groups," + Base
	Policy   = "cn=default,ou=policies," + Base
	Admin    = "cn=admin," + Base
	Worker   = "cn=fermata,ou=services," + Base
	Onlooker = "cn=reader,ou=services," + Base
)

// Packages are Debian's packages that the server and its judges need.
func Packages() []string { return []string{"slapd", "ldap-utils"} }

// config is the administrator's.
const config = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload memberof
moduleload unique
pidfile FOLDER/pid
argsfile FOLDER/args
TLSCertificateFile FOLDER/ca.pem
TLSCertificateKeyFile FOLDER/key.pem
security simple_bind=128
database mdb
suffix "BASE"
rootdn "ADMIN"
rootpw PASSWORD
directory FOLDER/db
dbnosync
index objectClass,uid,uidNumber,member,cn eq
index description eq,sub
overlay ppolicy
ppolicy_default "POLICY"
overlay memberof
overlay unique
unique_uri ldap:///?uid?sub
unique_uri ldap:///?uidNumber?sub
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="PEOPLE" by dn.exact="WORKER" write by users read
access to dn.subtree="GROUPS" attrs=member by dn.exact="WORKER" write by users read
access to * by users read
`

const base = `dn: BASE
objectClass: dcObject
objectClass: organization
o: estate
dc: estate

dn: PEOPLE
objectClass: organizationalUnit
ou: people

dn: GROUPS
objectClass: organizationalUnit
ou: groups

dn: ou=services,BASE
objectClass: organizationalUnit
ou: services

dn: ou=policies,BASE
objectClass: organizationalUnit
ou: policies

dn: POLICY
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE

dn: WORKER
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: fermata
userPassword: PASSWORD

dn: ONLOOKER
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: reader
userPassword: PASSWORD

dn: cn=admins,GROUPS
objectClass: groupOfNames
cn: admins
member: ADMIN

dn: cn=operators,GROUPS
objectClass: groupOfNames
cn: operators
member: ADMIN
`

// Server is a running slapd.
type Server struct {
	Address  string // host:port of LDAP over TLS.
	Plain    string // host:port for StartTLS.
	Behind   string // LDAP over TLS through the relay that Faults govern.
	Faults   *faults.Faults
	Password string // Of the administrator, the worker and the onlooker.

	folder  string
	process *host.Process
	relay   *relay
}

// Start starts slapd in the foreground.
func Start(ctx context.Context, folder string) (*Server, error) {
	s := &Server{Faults: &faults.Faults{}, Password: rand.Text(), folder: folder}
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("starting OpenLDAP: %w", err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	if s.Address, err = host.Address(); err != nil {
		return err
	}
	if s.Plain, err = host.Address(); err != nil {
		return err
	}
	security, err := certificate.Of(s.folder, "OpenLDAP", host.IP(0))
	if err != nil {
		return err
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	s.process, err = host.Start(ctx, host.Daemon{
		Name: "slapd", Log: s.path("log"), Dir: s.folder, Ready: s.answers,
		Args: []string{"slapd", "-d", "0", "-f", s.path("slapd.conf"), "-h", "ldaps://" + s.Address + " ldap://" + s.Plain},
	})
	if err != nil {
		return err
	}
	if s.relay, err = newRelay(s.Address, security, s.Faults); err != nil {
		return errors.Join(err, s.process.Stop())
	}
	s.Behind = s.relay.address()
	return nil
}

func (s *Server) path(name string) string { return filepath.Join(s.folder, name) }

// CAFile is the certificate that clients trust.
func (s *Server) CAFile() string { return certificate.File(s.folder) }

// fill writes the configuration and the first entries.
func (s *Server) fill(ctx context.Context) error {
	words := strings.NewReplacer(
		"FOLDER", s.folder, "BASE", Base, "ADMIN", Admin, "PASSWORD", s.Password, "POLICY", Policy, "PEOPLE", People, "GROUPS", Groups,
		"WORKER", Worker, "ONLOOKER", Onlooker,
	)
	for name, text := range map[string]string{"slapd.conf": config, "base.ldif": base} {
		if err := os.WriteFile(s.path(name), []byte(words.Replace(text)), 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(s.path("password"), []byte(s.Password), 0o600); err != nil { // Without a newline: it would belong to it.
		return err
	}
	if err := os.Mkdir(s.path("db"), 0o700); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/usr/sbin/slapadd", "-f", s.path("slapd.conf"), "-l", s.path("base.ldif")) //nolint:gosec // The bed's own.
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("slapadd: %w: %s", err, out)
	}
	return nil
}

// answers logs the administrator in.
func (s *Server) answers(ctx context.Context) error {
	_, err := s.tool(ctx, "ldapwhoami", Admin, s.path("password"))
	return err
}

// Log is what the daemon said last.
func (s *Server) Log() string { return s.process.Tail(40) }

// Stop ends the daemon and the relay.
func (s *Server) Stop() error { return errors.Join(s.relay.close(), s.process.Stop()) }
