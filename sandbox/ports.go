package sandbox

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// checkPorts looks that the ports which were asked for are free, before anything is started. Each system opens its own
// later, and would say only that an address is in use.
func (s *Sandbox) checkPorts(context.Context, *secretFiles) error {
	for _, p := range []struct {
		port       int
		what, flag string
	}{
		{s.o.TemporalPort, "Temporal", "temporal"},
		{s.o.UIPort, "the web UI", "ui"},
		{s.o.VCenterPort, "the vCenter", "vcenter"},
		{s.o.BastionPort, "the bastion", "bastion"},
		{s.o.TicketsPort, "the ticket system", "tickets"},
		{s.o.ServicePort, "the service", "service"},
		{s.o.MailPort, "the mail server", "mail"},
		{s.o.HooksPort, "the receiver of webhooks", "hooks"},
	} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)))
		if err != nil {
			return fmt.Errorf("port %d for %s is taken: stop what uses it, or choose another with --%s-port (0: any free one): %w", p.port, p.what, p.flag, err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("freeing the port of %s: %w", p.what, err)
		}
	}
	return nil
}
