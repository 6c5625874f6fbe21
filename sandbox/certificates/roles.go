package certificates

import "fmt"

// grants is what the sandbox's own certificates may do. Its one worker serves everything.
const grants = `# Written by fermata-sandbox at each start.
apiVersion: fermata/v1
kind: Roles
spec:
  grants:
    - {uri: %[1]q, role: workflows, namespace: %[5]s, queues: [fermata, "fermata.*"]}
    - {uri: %[2]q, role: operator, namespace: %[5]s, queues: [fermata]}
    - {uri: %[3]q, role: ui, namespace: %[5]s}
    - {uri: %[4]q, role: admin, namespace: "*"}
`

func roles(namespace string) []byte {
	return fmt.Appendf(nil, grants, URI("worker"), URI("operator"), URI("ui"), URI("admin"), namespace)
}
