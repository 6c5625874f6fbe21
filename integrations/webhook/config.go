package webhook

import (
	"errors"
	"net"
	"net/url"

	"fermata/activities/secret"
	"fermata/integrations/httpx"
)

// Config is the vendor's part of the configuration of a receiver.
type Config struct {
	// URL takes the notices.
	URL string `yaml:"url"`
	// Secret signs: "whsec_" and 24 to 64 bytes in base64.
	Secret secret.Ref `yaml:"secret"`
	// Previous signs as well, while a receiver changes from it to Secret.
	Previous secret.Ref `yaml:"previous,omitempty"`
	// HTTP says how the receiver is reached: ca, pin, proxy, timeout.
	HTTP httpx.Config `yaml:"http,omitempty"`
}

// check reports what is wrong and returns the address.
func (c Config) check() (*url.URL, error) {
	address, err := url.Parse(c.URL)
	switch {
	case err != nil || address.Host == "" || (address.Scheme != "https" && address.Scheme != "http"):
		return nil, errors.New("url: expected an address such as https://chat.example.net/hooks/fermata")
	case address.User != nil:
		return nil, errors.New("url: it holds a credential; the receiver knows us by the signature")
	case address.Fragment != "":
		return nil, errors.New("url: expected no fragment")
	case address.Scheme == "http" && !loopback(address.Hostname()):
		return nil, errors.New("url: expected https: notices would cross the network in clear text")
	}
	if _, _, err := c.Secret.Parse(); err != nil {
		return nil, errors.New("secret: expected a reference secret://provider/name")
	}
	if _, _, err := c.Previous.Parse(); c.Previous != "" && err != nil {
		return nil, errors.New("previous: expected a reference secret://provider/name")
	}
	if c.Previous == c.Secret {
		return nil, errors.New("previous: expected another secret than secret")
	}
	return address, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
