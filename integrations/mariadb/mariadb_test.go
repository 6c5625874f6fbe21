package mariadb

import (
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/dbx"
)

// TestVerifier: the hash that MySQL's manual shows for the password "mypass" (section "Password Hashing in MySQL").
func TestVerifier(t *testing.T) {
	t.Parallel()
	require.Equal(t, "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4", verifier("mypass"))
	for _, bad := range []string{"", "short", "quote'quote'quote'", `back\slash\back\slash`} {
		_, err := identified(secret.NewValue([]byte(bad)))
		require.Equal(t, fault.Invalid, fault.KindOf(err), bad)
	}
}

func TestNamesInGrants(t *testing.T) {
	t.Parallel()
	require.Equal(t, "`shop\\_eu`", inGrant("shop_eu"), "an underscore would stand for any letter")
	require.Equal(t, "`shop_eu`", name("shop_eu"))
}

func TestKindsOfNumbers(t *testing.T) {
	t.Parallel()
	for number, kind := range map[uint16]fault.Kind{
		1045: fault.Unauthorized, 1142: fault.Unauthorized, 4151: fault.Unauthorized, 1049: fault.NotFound, 1213: fault.Unavailable, 1396: fault.Unavailable, 1064: fault.Invalid, 1524: fault.Invalid,
	} {
		require.Equal(t, kind, fault.KindOf(statementFault(&mysql.MySQLError{Number: number}, fault.Ambiguous, "x")), number)
	}
	require.Equal(t, fault.Ambiguous, fault.KindOf(statementFault(mysql.ErrInvalidConn, fault.Ambiguous, "x")))
	require.NoError(t, ignore(statementFault(&mysql.MySQLError{Number: noThread}, fault.Ambiguous, "x"), noThread))
}

func good() Config {
	c := DefaultConfig()
	c.Config = dbx.Config{Address: "127.0.0.1", User: "fermata", Password: "secret://file/db"}
	return c
}

func TestWordsOfTheVendors(t *testing.T) {
	t.Parallel()
	for vendor, words := range map[string][2]string{vendorMariaDB: {"ssl=0", "ssl-verify-server-cert=1"}, vendorMySQL: {"ssl-mode=DISABLED", "ssl-mode=VERIFY_IDENTITY"}} {
		c := good()
		c.Vendor = vendor
		d, err := New(c, nil)
		require.NoError(t, err)
		for i, ca := range []string{"", "/etc/shop/ca.pem"} {
			content, err := d.Render(database.Credentials{Role: "app", Database: "shop", Password: secret.NewValue([]byte("fIrStPaSsWoRd0123456789"))}, ca)
			require.NoError(t, err)
			require.Contains(t, content.Text()+"\n", "\n"+words[i]+"\n")
		}
	}
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	d, err := New(good(), nil)
	require.NoError(t, err)
	require.Equal(t, 3306, d.ClientEndpoint().Port)
	for text, change := range map[string]func(*Config){
		"address: expected host:port":    func(c *Config) { c.Address = "" },
		"ca is missing":                  func(c *Config) { c.Address = "db.example.net" },
		"password: expected a reference": func(c *Config) { c.Password = "hunter2" },
		"vendor: expected mariadb":       func(c *Config) { c.Vendor = "oracle" },
		"hosts: expected a pattern":      func(c *Config) { c.Hosts = "%' OR '" },
		"dumpProgram: expected the path": func(c *Config) { c.DumpProgram = "" },
	} {
		c := good()
		change(&c)
		_, err := New(c, nil)
		require.Equal(t, fault.Invalid, fault.KindOf(err), text)
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
