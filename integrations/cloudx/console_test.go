package cloudx

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"

func TestHostKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		console string
		want    []string
	}{
		"nothing":       {"", nil},
		"fake driver":   {"FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE", nil},
		"plain":         {keysBegin + "\n" + ed + " root@web-01\n" + keysEnd + "\n", []string{ed}},
		"serial line":   {"boot\r\n" + keysBegin + "\r\n" + ed + " root@web-01\r\n" + keysEnd + "\r\nlogin: ", []string{ed}},
		"with a prefix": {"[   12.5] cloud-init[71]: " + keysBegin + "\n[   12.5] cloud-init[71]: " + ed + " root@web-01\n[   12.5] cloud-init[71]: " + keysEnd + "\n", []string{ed}},
		"not ended":     {keysBegin + "\n" + ed + "\n", nil},
		"not begun":     {ed + "\n" + keysEnd, nil},
		"no key":        {keysBegin + "\nssh-ed25519 AAAA root\nhello\n" + keysEnd, nil},
		"the last boot": {keysBegin + "\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n" + keysEnd + "\n" + keysBegin + "\n" + ed + "\n" + keysEnd, []string{ed}},
	} {
		require.Equal(t, c.want, HostKeys(c.console), name)
	}
	require.True(t, BootDone("[ 4.4] cloud-init[321]: Cloud-init v. 22.4.2 finished. Datasource DataSourceEc2"))
	require.False(t, BootDone("Cloud-init v. 22.4.2 running 'modules:final'"))
}

func FuzzHostKeys(f *testing.F) {
	f.Add(keysBegin + "\r\n" + ed + " root@web-01\r\n" + keysEnd + "\r\n")
	f.Add(keysEnd + keysBegin)
	f.Fuzz(func(t *testing.T, console string) {
		for _, key := range HostKeys(console) {
			require.NotContains(t, key, "\n")
			require.Contains(t, console, keysBegin)
		}
	})
}
