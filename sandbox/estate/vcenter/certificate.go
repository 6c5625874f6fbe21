package vcenter

import (
	"crypto/tls"

	"fermata/sandbox/estate/certificate"
)

func (s *store) certificateFile() string { return certificate.File(s.folder) }

// certificate is the vCenter's, for a server that speaks HTTP/1.1 only.
func (s *store) certificate() (*tls.Config, error) {
	security, err := certificate.Of(s.folder, "vCenter")
	if err != nil {
		return nil, err
	}
	security.NextProtos = []string{"http/1.1"}
	return security, nil
}
