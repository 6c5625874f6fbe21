package guest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
)

// zones are the time zones that have a file; timedatectl knows them all.
const zones = "UTC Etc/UTC Europe/Berlin Europe/London Europe/Paris Europe/Zurich America/New_York America/Los_Angeles Asia/Tokyo"

// sbin are the commands that live in /usr/sbin, which is in root's PATH only.
const sbin = " blkid wipefs sfdisk mkfs mkfs.ext4 mkfs.xfs blockdev resize2fs dumpe2fs xfs_growfs xfs_info useradd groupadd usermod userdel" +
	" groupdel service visudo nologin sshd reboot poweroff shutdown sysctl e2label partprobe "

// marker begins the file of an emulated command, as a real program begins with the same four bytes.
const marker = "\x7fELF emulated "

func commandPath(name string) string {
	if strings.Contains(sbin, " "+name+" ") {
		return "/usr/sbin/" + name
	}
	return "/usr/bin/" + name
}

// prepare writes the image: what a fresh Debian 12 has on its disk, as far as anything here looks at it.
func (m *Machine) prepare() error {
	steps := []func() error{m.makeFolders, m.makeFiles, m.makeCommands, m.makeUser, m.makePackages}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	m.change(func(s *state) { s.Prepared = true })
	return nil
}

func (m *Machine) makeFolders() error {
	v := m.files.as(root)
	if err := v.chmod("/", 0o755); err != nil {
		return err
	}
	for _, name := range strings.Fields(`/etc/apt/sources.list.d /etc/apt/keyrings /etc/apt/preferences.d /etc/apt/apt.conf.d
		/etc/ssh/sshd_config.d /etc/sudoers.d /etc/default /etc/systemd/system /etc/cron.d /etc/security /etc/sysctl.d
		/etc/profile.d /etc/logrotate.d /etc/tmpfiles.d /usr/bin /usr/sbin /usr/lib/systemd/system /usr/local/bin
		/usr/local/sbin /usr/share/zoneinfo /usr/share/keyrings /usr/share/doc /var/lib/dpkg /var/lib/apt/lists
		/var/cache/apt/archives /var/lib/cloud/instance /var/log /var/tmp /var/lock /run/lock /run/sshd /tmp /dev/disk /proc /sys /home
		/srv /opt /mnt /media /boot`) {
		if err := v.mkdirAll(name, 0o755); err != nil {
			return err
		}
	}
	if err := v.mkdir("/root", 0o700); err != nil {
		return err
	}
	for _, name := range []string{"/tmp", "/var/tmp", "/run/lock"} {
		if err := v.chmod(name, 0o1777); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib"} {
		if err := v.symlink(target, name); err != nil {
			return err
		}
	}
	return v.chmod("/etc/sudoers.d", 0o750)
}

func (m *Machine) makeFiles() error {
	v := m.files.as(root)
	hostname := m.options.Name
	m.change(func(s *state) { s.Hostname, s.Timezone = hostname, "Etc/UTC" })
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("making the machine id: %w", err)
	}
	files := map[string]string{
		"/etc/passwd":         passwd,
		"/etc/group":          group,
		"/etc/hosts":          "127.0.0.1 localhost\n127.0.1.1 " + hostname + "\n",
		"/etc/hostname":       hostname + "\n",
		"/etc/timezone":       "Etc/UTC\n",
		"/etc/machine-id":     hex.EncodeToString(id[:]) + "\n",
		"/etc/os-release":     osRelease,
		"/etc/debian_version": "12.11\n",
		"/etc/motd":           "",
		"/etc/resolv.conf":    "nameserver 10.20.0.53\n",
		"/etc/shells":         "/bin/sh\n/bin/bash\n",
		"/etc/fstab":          "UUID=" + systemUUID + " / ext4 errors=remount-ro 0 1\n",
		"/etc/sudoers":        "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
		"/etc/apt/sources.list": "deb http://deb.debian.org/debian bookworm main\n" +
			"deb http://deb.debian.org/debian-security bookworm-security main\n",
		"/etc/ssh/sshd_config": "PermitRootLogin prohibit-password\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n",
		"/dev/null":            "",
	}
	for _, zone := range strings.Fields(zones) {
		files["/usr/share/zoneinfo/"+zone] = "TZif2 " + zone + "\n"
	}
	for name, text := range files {
		if err := errors.Join(v.mkdirAll(path.Dir(name), 0o755), v.writeFile(name, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	if err := v.chmod("/dev/null", 0o666); err != nil {
		return err
	}
	if err := v.symlink("/usr/share/zoneinfo/Etc/UTC", "/etc/localtime"); err != nil {
		return err
	}
	if err := v.writeFile("/etc/shadow", []byte("root:*:20000:0:99999:7:::\n"), 0o640); err != nil {
		return err
	}
	return v.chmod("/etc/sudoers", 0o440)
}

func (m *Machine) makeCommands() error {
	optional := map[string]bool{}
	for _, p := range m.catalogue {
		for _, r := range p.Releases {
			for _, name := range r.Commands {
				optional[name] = true
			}
		}
	}
	for name := range m.commands {
		if optional[name] {
			continue
		}
		if err := m.placeCommand(name); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) placeCommand(name string) error {
	at := commandPath(name)
	if _, extra := m.options.Commands[name]; extra {
		at = "/usr/sbin/" + name
	}
	return m.files.as(root).writeFile(at, []byte(marker+name+"\n"), 0o755)
}

func (m *Machine) makePackages() error {
	base := map[string]string{
		"apt": "2.6.1", "dpkg": "1.21.22", "systemd": "252.38-1~deb12u1", "coreutils": "9.1-1",
		"util-linux": "2.38.1-5+deb12u3", "openssh-server": "1:9.2p1-2+deb12u6", "sudo": "1.9.13p3-1+deb12u2", "e2fsprogs": "1.47.0-2",
	}
	m.change(func(s *state) {
		for name, version := range base {
			s.Packages[name] = &installed{Version: version, Status: "installed"}
		}
	})
	for _, unit := range baseUnits() {
		m.change(func(s *state) { s.Enabled[unit] = true })
		if err := errors.Join(m.placeInitScript(unit), m.linkInitScript(unit)); err != nil {
			return err
		}
	}
	for _, wanted := range m.options.Packages {
		name, version, _ := strings.Cut(wanted, "=")
		if err := m.unpack(name, version, true); err != nil {
			return err
		}
	}
	return nil
}

const osRelease = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
`
