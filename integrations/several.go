package integrations

// Several is a System that implements its ports with more than one type, because two of them have a method of the same name:
// a cloud and its security groups.
type Several interface {
	System
	// Ports returns what implements the ports. The system itself is among them if it implements one.
	Ports() []any
}

// Port finds the port P in a system that was opened: in the system itself, or in one of its ports.
func Port[P any](system any) (port P, found bool) {
	if port, found = system.(P); found {
		return port, true
	}
	if several, ok := system.(Several); ok {
		for _, each := range several.Ports() {
			if port, found = each.(P); found {
				return port, true
			}
		}
	}
	return port, false
}
