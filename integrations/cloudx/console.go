package cloudx

import (
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The lines between which cloud-init's module keys_to_console writes public host keys.
const (
	keysBegin = "-----BEGIN SSH HOST KEY KEYS-----"
	keysEnd   = "-----END SSH HOST KEY KEYS-----"
)

var (
	// bootDone is the last line of cloud-init's first boot.
	bootDone = regexp.MustCompile(`Cloud-init v\. \S+ finished`)
	// keyWord begins a public key, wherever it stands in a line: the console may put a time or a unit's name before it.
	keyWord = regexp.MustCompile(`(ssh-|ecdsa-sha2-|sk-)\S+ [A-Za-z0-9+/=]+`)
)

// BootDone tells whether the console says that the first boot is over.
func BootDone(console string) bool { return bootDone.MatchString(console) }

// HostKeys reads the last whole block of host keys, in the form of authorized_keys.
func HostKeys(console string) (keys []string) {
	end := strings.LastIndex(console, keysEnd)
	if end < 0 {
		return nil
	}
	begin := strings.LastIndex(console[:end], keysBegin)
	if begin < 0 {
		return nil
	}
	for _, line := range strings.Split(console[begin:end], "\n") {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(keyWord.FindString(line)))
		if err == nil {
			keys = append(keys, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
		}
	}
	return keys
}
