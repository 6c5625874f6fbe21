package judge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"fermata/sandbox/estate"
	"fermata/sandbox/estate/guest"
)

// machines reads the vCenter's inventory: machines of the name, however they are called now, and machines that say that
// they belong to the server.
func (j *Judge) machines(ctx context.Context, name string) ([]string, error) {
	all, err := j.inventory(ctx)
	if err != nil {
		return nil, err
	}
	var facts []string
	for _, vm := range all {
		if vm.Config == nil || vm.Config.Template || !belongs(vm, name) {
			continue
		}
		facts = append(facts, describe(vm)...)
		facts = append(facts, answers(ctx, j.Estate.Guest(vm.Config.InstanceUuid), questions)...)
	}
	return facts, nil
}

func belongs(vm mo.VirtualMachine, name string) bool {
	for _, option := range vm.Config.ExtraConfig {
		if o := option.GetOptionValue(); o.Key == "fermata.owner" && o.Value == "server/"+name {
			return true
		}
	}
	return vm.Name == name || strings.HasPrefix(vm.Name, name+"-")
}

// describe lists what the platform knows of a machine.
func describe(vm mo.VirtualMachine) []string {
	facts := []string{
		fmt.Sprintf("machine %s %s, %d CPUs, %d MiB", vm.Name, vm.Runtime.PowerState, vm.Config.Hardware.NumCPU, vm.Config.Hardware.MemoryMB),
		fmt.Sprintf("machine %s says: %s", vm.Name, vm.Config.Annotation),
	}
	for _, device := range vm.Config.Hardware.Device {
		switch d := device.(type) {
		case *types.VirtualDisk:
			facts = append(facts, fmt.Sprintf("disk of %d bytes at unit %d", d.CapacityInBytes, unit(d.UnitNumber)))
		case types.BaseVirtualEthernetCard:
			facts = append(facts, "network card")
		}
	}
	for _, option := range vm.Config.ExtraConfig {
		if o := option.GetOptionValue(); strings.HasPrefix(o.Key, "fermata.") {
			facts = append(facts, fmt.Sprintf("option %s = %v", o.Key, o.Value))
		}
	}
	return facts
}

func unit(n *int32) int32 {
	if n == nil {
		return -1
	}
	return *n
}

// inventory retrieves every machine in a session of its own.
func (j *Judge) inventory(ctx context.Context) (all []mo.VirtualMachine, err error) {
	u, err := url.Parse(j.Estate.VCenter.URL())
	if err != nil {
		return nil, fmt.Errorf("reading the vCenter's address: %w", err)
	}
	password, err := os.ReadFile(j.path("secrets", "vcenter-password"))
	if err != nil {
		return nil, fmt.Errorf("reading the vCenter's password: %w", err)
	}
	authorities, err := os.ReadFile(j.Estate.VCenter.CAFile())
	if err != nil {
		return nil, fmt.Errorf("reading the vCenter's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authorities)
	client := soap.NewClient(u, false)
	client.DefaultTransport().TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	defer client.CloseIdleConnections()
	vim, err := vim25.NewClient(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("connecting to the vCenter: %w", err)
	}
	sessions := session.NewManager(vim)
	if err := sessions.Login(ctx, url.UserPassword(estate.VCenterUser, string(password))); err != nil {
		return nil, fmt.Errorf("logging in to the vCenter: %w", err)
	}
	defer func() { err = errors.Join(err, sessions.Logout(ctx)) }()
	v, err := view.NewManager(vim).CreateContainerView(ctx, vim.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		return nil, fmt.Errorf("looking at the inventory: %w", err)
	}
	if err := v.Retrieve(ctx, []string{"VirtualMachine"}, []string{"name", "runtime", "config"}, &all); err != nil {
		return nil, fmt.Errorf("reading the inventory: %w", err)
	}
	slices.SortFunc(all, func(a, b mo.VirtualMachine) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// questions are what the judge asks inside a server. Every line of an answer is a fact.
var questions = []string{
	"hostname", "cat /etc/timezone", "cat /etc/fstab", "cat /etc/motd", "cat /etc/hello-web/hello-web.conf",
	"dpkg-query -W", "cut -d: -f1 /etc/passwd", "systemctl is-active hello-web", "systemctl is-enabled hello-web",
	"stat -c '%U:%G %a' /srv/data", "findmnt -n -o TARGET,FSTYPE /srv/data", "sha256sum < /etc/hello-web/session-key",
}

// answers are what a machine's own shell says, if it runs.
func answers(ctx context.Context, m *guest.Machine, questions []string) []string {
	if m == nil || !m.Running() {
		return []string{"guest is off"}
	}
	var facts []string
	for _, question := range questions {
		text, exit := m.Exec(ctx, question)
		facts = append(facts, fmt.Sprintf("guest, %s: exit %d", question, exit))
		for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
			facts = append(facts, "guest, "+question+": "+line)
		}
	}
	return facts
}
