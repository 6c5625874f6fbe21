package ansible

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/ansible"
	"fermata/testsuite/bed/machine"
)

// certified is an sshd that shows a certificate of its host key.
const certified = `HostKey /etc/ssh/own_key
HostCertificate /etc/ssh/own_key-cert.pub
AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u
UsePAM no
PasswordAuthentication no
UseDNS no
PidFile none
Subsystem sftp internal-sftp
`

// TestAHostCertificate: a guest whose key no platform tells is recognised by a certificate that names it, and by no other.
func TestAHostCertificate(t *testing.T) {
	t.Parallel()
	authority, trusted, err := machine.NewKey()
	require.NoError(t, err)
	private, public, err := machine.NewKey()
	require.NoError(t, err)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public))
	require.NoError(t, err)
	signer, err := ssh.ParsePrivateKey(authority)
	require.NoError(t, err)
	certificate := &ssh.Certificate{Key: key, CertType: ssh.HostCert, ValidPrincipals: []string{"web-01"}, ValidBefore: ssh.CertTimeInfinity}
	require.NoError(t, certificate.SignCert(rand.Reader, signer))

	d := newLab(t).bootWith(t, setupOf(), map[string]string{
		"/etc/ssh/sshd_config": certified, "/etc/ssh/own_key": string(private), "/etc/ssh/own_key-cert.pub": string(ssh.MarshalAuthorizedKey(certificate)),
	})
	host := d.Host()
	host.Keys = nil
	restless := configuration.Play{Playbook: "restless.yml"}
	r := d.runner(t, ansible.Config{HostCA: []string{trusted}})
	_, err = r.Preview(t.Context(), host, restless, nil, &operation.Memory{})
	require.NoError(t, err)

	renamed := host
	renamed.Name = "web-02"
	_, err = r.Preview(t.Context(), renamed, restless, nil, &operation.Memory{})
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "it names another host: %v", err)
	other := d.runner(t, ansible.Config{HostCA: []string{strings.TrimSpace(d.key)}})
	_, err = other.Preview(t.Context(), host, restless, nil, &operation.Memory{})
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "another authority: %v", err)
}
