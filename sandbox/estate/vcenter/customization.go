package vcenter

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// customs remembers the customization of machines by instance UUID.
type customs struct {
	mu sync.Mutex
	by map[string]*Fixed
}

func (c *customs) get(id string) *Fixed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[id]
}

func (c *customs) set(id string, fixed *Fixed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]*Fixed{}
	}
	if fixed == nil {
		delete(c.by, id)
		return
	}
	c.by[id] = fixed
}

func prefixLength(mask string) string {
	ip := net.ParseIP(mask).To4()
	if ip == nil {
		return ""
	}
	ones, _ := net.IPMask(ip).Size()
	return strconv.Itoa(ones)
}

// GuestInfo decodes a guest variable of cloud-init's VMware data source: key is "metadata" or "userdata", and
// guestinfo.KEY.encoding tells how it is packed. Absent or broken: "".
func GuestInfo(extra map[string]string, key string) string {
	text := extra["guestinfo."+key]
	encoding := extra["guestinfo."+key+".encoding"]
	switch encoding {
	case "":
		return text
	case "base64", "b64", "gzip+base64", "gz+b64":
	default:
		return ""
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return ""
	}
	if strings.HasPrefix(encoding, "b") {
		return string(decoded)
	}
	unpacker, err := gzip.NewReader(bytes.NewReader(decoded))
	if err != nil {
		return ""
	}
	plain, err := io.ReadAll(io.LimitReader(unpacker, 1<<20))
	if err != nil {
		return ""
	}
	return string(plain)
}

// metadataAddress is the first address in the network part of a machine's guestinfo.metadata (network config version 2).
func metadataAddress(extra map[string]string) string {
	var metadata struct {
		Network struct {
			Ethernets map[string]struct {
				Addresses []string `yaml:"addresses"`
			} `yaml:"ethernets"`
		} `yaml:"network"`
	}
	if err := yaml.Unmarshal([]byte(GuestInfo(extra, "metadata")), &metadata); err != nil {
		return ""
	}
	for _, ethernet := range metadata.Network.Ethernets {
		if len(ethernet.Addresses) > 0 {
			return ethernet.Addresses[0]
		}
	}
	return ""
}
