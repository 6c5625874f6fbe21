package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// taken counts the addresses that this process gave out.
var taken atomic.Int64 //nolint:gochecknoglobals // They are the machine's.

// Ports of the addresses, below those that the kernel chooses for whoever does not ask for one.
const (
	firstPort = 20000
	lastPort  = 30000
)

// IP is the n-th address on loopback, from 0 to 2, that this process has for itself: it holds the process's id, which has
// at most 22 bits. Programs call out from 127.0.0.1, so none of them is ever given a port of it.
func IP(n int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64*(n+1)+pid>>16&0x3f, pid>>8&0xff, pid&0xff)
}

// Address is host:port on loopback for a daemon that listens there, is stopped, and listens there again. A port that the
// kernel chose on 127.0.0.1 is free for the kernel to give away as soon as it is closed: to another bed, or to a program
// that calls the daemon while it is away, which then talks to itself.
//
// That nobody listens there, on all addresses say, is found out by calling. Listening for a moment would not do: a child
// that is forked meanwhile keeps the port until it becomes another program.
func Address() (string, error) {
	for {
		port := firstPort + taken.Add(1)
		if port > lastPort {
			return "", fmt.Errorf("finding a free port on %s: all are taken up to %d", IP(0), lastPort)
		}
		address := net.JoinHostPort(IP(0), strconv.FormatInt(port, 10))
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
		if err != nil {
			return address, nil //nolint:nilerr // Nobody is there.
		}
		_ = conn.Close()
	}
}
