package embedded

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports that are chosen here are opened later, by Temporal and its UI, which end the process if they are taken by then. So
// they are not among those that Linux gives to outgoing connections (32768 and up, unless told otherwise), and none is chosen
// twice in one process.
const (
	lowestPort  = 20_000
	highestPort = 32_000
)

var chosen struct {
	sync.Mutex
	ports map[int]bool
}

// reserve listens on the port, or for 0 on one that nobody has chosen. Whoever closes the listener can open the port again.
func reserve(port int) (net.Listener, error) {
	if port != 0 {
		return net.Listen("tcp", address(port))
	}
	chosen.Lock()
	defer chosen.Unlock()
	if chosen.ports == nil {
		chosen.ports = map[int]bool{}
	}
	var last error
	for range 1000 {
		port := lowestPort + rand.IntN(highestPort-lowestPort) //nolint:gosec // A port is no secret.
		if chosen.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", address(port))
		if err == nil {
			chosen.ports[port] = true
			return l, nil
		}
		last = err
	}
	return nil, fmt.Errorf("no free port between %d and %d: %w", lowestPort, highestPort, last)
}
