package starter

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/integrations"
	"fermata/integrations/ansible"
	"fermata/integrations/ec2"
	"fermata/integrations/haproxy"
	"fermata/integrations/http"
	"fermata/integrations/ldap"
	"fermata/integrations/linux"
	"fermata/integrations/mariadb"
	"fermata/integrations/nftables"
	"fermata/integrations/openstack"
	"fermata/integrations/postgresql"
	"fermata/integrations/powerdns"
	"fermata/integrations/requesttracker"
	"fermata/integrations/rfc2136"
	"fermata/integrations/servicenow"
	"fermata/integrations/smtp"
	"fermata/integrations/vsphere"
	"fermata/integrations/webhook"
)

// The command line links no integration, so it has a list of its own of what each is for. It says what they say.
func TestTheListOfWhatIsServedIsTheIntegrationsOwn(t *testing.T) {
	t.Parallel()
	own := map[string][]string{}
	for _, i := range []integrations.Integration{
		ansible.Integration(), ec2.Integration(), ldap.Integration(), mariadb.Integration(), openstack.Integration(), postgresql.Integration(), haproxy.Integration(), http.Integration(), linux.Integration(), nftables.Integration(), powerdns.Integration(),
		requesttracker.Integration(), rfc2136.Integration(), servicenow.Integration(), smtp.Integration(), vsphere.Integration(), webhook.Integration(),
	} {
		own[i.Type] = i.Serves
	}
	require.Equal(t, own, served)

	// The list above is whole: there are as many folders that offer an integration.
	files, err := filepath.Glob(filepath.Join("..", "integrations", "*", "*.go"))
	require.NoError(t, err)
	offers := regexp.MustCompile(`(?m)^func Integration\(\) integrations\.Integration`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found += len(offers.FindAll(text, -1))
	}
	require.Len(t, own, found, "an integration is missing above, and so perhaps in served.go")
}
