package guest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/guest"
	"fermata/sandbox/estate/network"
)

const volume = "0b9fdb50-cc5e-4c28-9e5a-0f7cb2d9b6a1"

const byID = "/dev/disk/by-id/wwn-0x6000c291111122223333444455556666"

func TestDisks(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, "/dev/sdb", f.root("readlink -f "+byID))
	require.Equal(t, "/dev/sdc", f.root("readlink -f /dev/disk/by-id/scsi-36000c292aaaabbbbccccddddeeeeffff"))
	require.JSONEq(t, `{"blockdevices":[{"name":"sdb","path":"/dev/sdb","size":21474836480,"type":"disk","fstype":null,"uuid":null,"mountpoint":null}]}`,
		f.root("lsblk --json -b -o NAME,PATH,SIZE,TYPE,FSTYPE,UUID,MOUNTPOINT /dev/sdb"))
	require.Contains(t, f.root("lsblk --json -b -o NAME,MOUNTPOINT /dev/sda"), `"children"`)
	require.Empty(t, f.root("wipefs -n --json /dev/sdb; wipefs -n /dev/sdb"))
	f.refused(2, "", "blkid -p -o export /dev/sdb")
	f.root("mkfs.ext4 -q -U " + volume + " " + byID)
	require.Equal(t, "DEVNAME=/dev/sdb\nUUID="+volume+"\nBLOCK_SIZE=4096\nTYPE=ext4\nUSAGE=filesystem", f.root("blkid -p -o export /dev/sdb"))
	require.Equal(t, volume, f.root("blkid -s UUID -o value /dev/sdb"))
	require.Contains(t, f.root("wipefs -n --json /dev/sdb"), volume)
	f.root("mkdir -p /srv/data; echo 'UUID=" + volume + " /srv/data ext4 defaults,nofail 0 2 # fermata key' >> /etc/fstab; mount /srv/data")
	require.Equal(t, "/dev/sdb", f.root("findmnt -n -o SOURCE --mountpoint /srv/data"))
	f.root("echo kept > /srv/data/x; chown deploy /srv/data/x")
	f.refused(1, "is mounted", "mkfs.ext4 -q /dev/sdb")
	f.refused(32, "already mounted", "mount /srv/data")
	f.root("umount /srv/data; [ ! -e /srv/data/x ]; mount -a")
	require.Equal(t, "kept deploy", f.root("cat /srv/data/x | tr -d '\\n'; stat -c ' %U' /srv/data/x"))

	require.NoError(t, f.machine.SetDisks([]guest.Disk{{UUID: diskB, Bytes: 5 << 30}, {UUID: diskA, Bytes: 40 << 30}}))
	require.Equal(t, "/dev/sdc", f.root("readlink -f "+byID), "the order changed")
	require.Equal(t, "42949672960", f.root("blockdev --getsize64 "+byID))
	require.Equal(t, "/dev/sdc", f.root("findmnt -n -o SOURCE --mountpoint /srv/data"))
}

// While one disk is formatted, which makes a link, another can be looked at: its node is there all the time.
func TestOneDiskChangesWhileAnotherIsLookedAt(t *testing.T) {
	t.Parallel()
	f := setup(t)
	formatted := make(chan struct{})
	go func() {
		defer close(formatted)
		for range 50 {
			_, _ = f.machine.Exec(t.Context(), "mkfs.ext4 -q -F -U "+volume+" /dev/sdb")
		}
	}()
	for looking := true; looking; {
		select {
		case <-formatted:
			looking = false
		default:
			out, exit := f.machine.Exec(t.Context(), "wipefs -n --json /dev/sdc")
			require.Zero(t, exit, out)
		}
	}
	require.Contains(t, f.root("blkid -p -o export /dev/sdb"), volume)
}

func TestDisksRefuse(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.NoError(t, f.machine.WriteForeign(diskA, guest.ForeignExt4))
	require.NoError(t, f.machine.WriteForeign(diskB, guest.ForeignPartitions))
	require.ErrorContains(t, f.machine.WriteForeign("none", guest.ForeignExt4), "no such disk")
	require.Contains(t, f.root("wipefs -n /dev/sdb"), "ext4")
	require.Contains(t, f.root("blkid -p -o export /dev/sdc"), "PTTYPE=gpt")
	require.Contains(t, f.root("sfdisk --json /dev/sdc"), `"label": "gpt"`)
	f.refused(1, "recognized partition table", "sfdisk -d /dev/sdb")
	f.root("apt-get update && apt-get install -y xfsprogs")
	f.refused(1, "Use the -f option", "mkfs.xfs -q -m uuid="+volume+" /dev/sdb")
	f.refused(1, "bad UUID", "mkfs.ext4 -U ../../../x /dev/sdb")
	f.refused(1, "does not exist", "mkfs.ext4 /dev/sdz")
	f.refused(1, "will not make a filesystem", "mkfs.ext4 /dev/sda1")
	f.refused(1, "can't find in /etc/fstab", "mount /none")
	f.refused(32, "mount point does not exist", "mount /dev/sdb /none")
	f.refused(32, "wrong fs type", "mount /dev/sdc /mnt")
	f.refused(32, "not mounted", "umount /mnt")
	f.refused(1, "", "findmnt -n -o SOURCE --mountpoint /mnt")
	f.refused(32, "not a block device", "lsblk /etc/hostname")
	require.Contains(t, f.ssh("/usr/sbin/wipefs -n /dev/sdb", "").err, "Permission denied")
	require.Equal(t, 127, f.ssh("blkid", "").code, "not in a user's PATH")
}

func TestPackages(t *testing.T) {
	t.Parallel()
	f := setup(t)
	const install = "DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=1 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-remove install "
	f.refused(100, "E: Unable to locate package curl", install+"curl")
	f.root("apt-get -q -y -o APT::Update::Error-Mode=any update")
	f.refused(127, "curl", "curl http://x")
	f.root(install + "curl hello-web=1.1.0")
	require.Equal(t, "installed 1.1.0", f.root("dpkg-query -W -f '${db:Status-Status} ${Version}' hello-web"))
	require.Equal(t, "ok hello-web 1.1.0 web-01", f.root("curl -fsS http://localhost:8080/healthz"))
	f.root(install + "hello-web")
	require.Equal(t, "ok hello-web 1.2.0 web-01", f.root("curl -fsS http://web-01:8080/healthz"))
	require.Contains(t, f.root(install+"hello-web"), "already the newest version")

	f.refused(100, "E: Version '9' for 'hello-web' was not found", install+"hello-web=9")
	f.refused(100, "E: Unable to locate package nothing", install+"nothing")
	f.refused(100, "downgraded", install+"hello-web=1.1.0")
	f.refused(1, "no packages found matching nothing", "dpkg-query -W nothing")
	f.refused(100, "remove is disabled", "apt-get --no-remove remove curl")
	require.Equal(t, 100, f.ssh("apt-get update", "").code)
	release := f.machine.LockPackages()
	f.refused(100, "E: Could not get lock", "apt-get -y install curl")
	release()
	f.machine.InterruptPackage("curl")
	f.refused(100, "dpkg was interrupted", install+"nginx")
	f.root("dpkg --configure -a && " + install + "nginx")
	f.root("apt-get -y remove curl")
	f.refused(127, "curl", "curl http://x")
	f.root("echo 'URIs: http://repo.nowhere.test' > /etc/apt/sources.list.d/x.sources")
	f.refused(100, "Failed to fetch", "apt-get -o APT::Update::Error-Mode=any update")
	require.Contains(t, f.root("apt-get update"), "W: Failed to fetch")
	for versions, relation := range map[string]string{"1.2.0 1.10.0": "lt", "1.0~rc1 1.0": "lt", "1:0.1 9": "gt", "1.0-1 1.0-1": "eq", "2.0a 2.0": "gt"} {
		require.Equal(t, "yes", f.root("set -- "+versions+"; dpkg --compare-versions $1 "+relation+" $2 && echo yes"), versions)
	}
}

func TestConffileOfSomebodyElse(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.root("apt-get update; mkdir /etc/hello-web; echo 'port = 9' > /etc/hello-web/hello-web.conf")
	f.refused(100, "end of file on stdin at conffile prompt", "apt-get -y install hello-web")
	f.refused(100, "dpkg was interrupted", "apt-get -y install hello-web")
}

func TestServices(t *testing.T) {
	t.Parallel()
	f := setup(t, func(o *guest.Options) { o.Packages = []string{"hello-web=1.2.0", "curl"} })
	require.Equal(t, "active enabled", f.root("echo $(systemctl is-active hello-web) $(systemctl is-enabled hello-web)"))
	f.root("printf 'listen = 10.20.0.11:9090\\ngreeting = Good day\\n' > /etc/hello-web/hello-web.conf; systemctl restart hello-web.service")
	require.Contains(t, f.root("curl -fsS http://10.20.0.11:9090/"), "Good day")
	f.root("echo broken > /etc/hello-web/hello-web.conf")
	f.refused(1, "Job for hello-web.service failed", "systemctl restart hello-web")
	require.Contains(t, f.root("journalctl -u hello-web --no-pager"), `expected "key = value"`)
	f.refused(3, "failed", "systemctl is-active hello-web")
	f.refused(3, "Active: failed", "systemctl status --no-pager --lines=10 hello-web")
	f.refused(7, "Failed to connect", "curl -fsS http://10.20.0.11:9090/")
	f.refused(5, "not found", "systemctl start nothing")
	f.refused(4, "could not be found", "systemctl status nothing")
	f.refused(1, "No such file", "systemctl is-enabled nothing")
	f.refused(1, "does not exist", "systemctl enable nothing")
	f.refused(1, "Unknown command verb", "systemctl explode ssh")
	require.Contains(t, f.ssh("systemctl restart ssh", "").err, "Interactive authentication required")
	f.root("printf '[Service]\\nExecStart=/none\\n' > /etc/systemd/system/mine.service")
	f.refused(1, "", "systemctl start mine")
	f.root("systemctl disable --now hello-web; service ssh restart")
	require.Equal(t, "UnitFileState=disabled", f.root("systemctl show -p UnitFileState hello-web"))
}

func TestCurl(t *testing.T) {
	t.Parallel()
	f := setup(t, func(o *guest.Options) { o.Packages = []string{"curl"} })
	listener, err := f.net.Listen(netip.MustParseAddrPort("10.30.0.5:80"))
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/file" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, "content")
	}))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	f.net.SetName("repo.estate.test", netip.MustParseAddr("10.30.0.5"))
	f.root(`printf 'url = "http://repo.estate.test/file"\n' | curl -fsSL --proto =http,https --max-redirs 5 --connect-timeout 15 -o /tmp/f -K -; [ "$(cat /tmp/f)" = content ]`)
	f.refused(22, "404", "curl -fsS http://repo.estate.test/none")
	f.refused(6, "Could not resolve host", "curl -fsS http://none.test/")
	f.refused(3, "", "curl -sS 'http://'")
	f.refused(1, "not supported", "curl -sS file:///etc/passwd")
	f.refused(2, "", "curl --insecure http://repo.estate.test/file")
	f.net.SetDropWait(0)
	f.net.SetFilter(func(_, _ netip.AddrPort, _ string) bool { return false })
	f.refused(28, "timed out", "curl -sS http://repo.estate.test/file")
}

func TestPersistenceAndReboot(t *testing.T) {
	t.Parallel()
	f := setup(t, func(o *guest.Options) { o.Packages = []string{"nginx"} })
	keys := f.machine.HostKeys()
	f.root("mkfs.ext4 -q -U " + volume + " /dev/sdb; mkdir /srv/data /srv/lost; mount /dev/sdb /srv/lost; echo a > /srv/lost/a; echo r > /run/r; chmod 600 /etc/motd; systemctl stop nginx; systemctl disable ssh")
	require.NoError(t, f.machine.Reboot(t.Context()))
	require.Equal(t, "active", f.root("[ ! -e /srv/lost/a ] && [ ! -e /run/r ] && systemctl is-active nginx"))
	f.root("echo 'UUID=" + volume + " /srv/data ext4 defaults,nofail 0 2' >> /etc/fstab; chown deploy /srv/data; mount /srv/data; chown deploy:deploy /srv/data/a")
	require.NoError(t, f.machine.Close())

	f.net = network.New()
	f.options.Network = f.net
	f.open()
	require.Equal(t, keys, f.machine.HostKeys())
	require.Equal(t, "a deploy 600", f.root("echo $(cat /srv/data/a) $(stat -c %U /srv/data/a) $(stat -c %a /etc/motd)"))
	require.Zero(t, f.ssh("true", "").code)

	f.root("echo 'UUID=11111111-2222-3333-4444-555555555555 /srv/x ext4 defaults 0 2' >> /etc/fstab")
	require.NoError(t, f.machine.Reboot(t.Context()))
	_, err := f.dial("deploy", f.signer)
	require.Error(t, err, "without nofail the machine hangs in emergency mode")
}

// Who was killed while it prepared a system disk begins anew.
func TestHalfASystemDiskIsPreparedAnew(t *testing.T) {
	t.Parallel()
	f := setup(t, func(o *guest.Options) {
		require.NoError(t, os.MkdirAll(filepath.Join(o.Folder, "system", "root"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(o.Folder, "system", "half"), nil, 0o600))
	})
	require.Equal(t, "web-01", f.root("hostname; test ! -e /half"))
}

func TestStateOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.NoError(t, f.machine.Close())
	for _, text := range []string{`{"version": 99}`, `{`} {
		require.NoError(t, os.WriteFile(filepath.Join(f.options.Folder, "state.json"), []byte(text), 0o600))
		_, err := guest.New(f.options)
		require.ErrorContains(t, err, "remove the folder to begin anew")
	}
	_, err := guest.New(guest.Options{})
	require.Error(t, err)
}

func TestCloudInit(t *testing.T) {
	t.Parallel()
	info := map[string]string{}
	f := setup(t, func(o *guest.Options) {
		o.SetGuestInfo = func(key, value string) { info[key] = value }
		o.CloudInit = guest.CloudInit{Hostname: "cloud-01", UserData: `#cloud-config
timezone: Europe/Berlin
users:
  - default
  - name: ops
    groups: [sudo]
    sudo: ALL=(ALL) NOPASSWD:ALL
    ssh_authorized_keys: ["` + o.AuthorizedKeys[0][:len(o.AuthorizedKeys[0])-1] + `"]
packages: [curl]
write_files:
  - {path: /etc/x/y, content: aGk=, encoding: b64, permissions: "0600", owner: "ops:ops", defer: true}
runcmd:
  - [sh, -c, "echo \"$0\" > /tmp/list"]
  - echo text > /tmp/text
  - vmware-rpctool "info-set guestinfo.hostkeys $(cat /etc/ssh/ssh_host_ed25519_key.pub)"
`}
	})
	require.Equal(t, "\nstatus: done", f.root("cloud-init status --wait"))
	require.Equal(t, "cloud-01 Europe/Berlin hi 600 ops sh text", f.root("echo $(hostname) $(cat /etc/timezone) $(cat /etc/x/y) $(stat -c '%a %U' /etc/x/y) $(cat /tmp/list /tmp/text)"))
	require.Equal(t, f.machine.HostKeys()[0], info["hostkeys"])
	client, err := f.dial("ops", f.signer)
	require.NoError(t, err)
	session, err := client.NewSession()
	require.NoError(t, err)
	require.NoError(t, session.Run("sudo -n true && command -v curl"))
	f.root("rm /tmp/text")
	require.NoError(t, f.machine.Reboot(t.Context()))
	require.NoError(t, f.machine.Booted(t.Context()))
	f.refused(1, "", "cat /tmp/text") // Once for each instance.
}

func TestCloudInitFails(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"nonsense", "#cloud-config\nusers: [ops]\nwrite_files: [{path: /x, owner: ops}]", "#cloud-config\nruncmd: [false]", "#cloud-config\n: [", "#!/bin/sh\nexit 3", "#cloud-config\ntimezone: Mars/Olympus", "#cloud-config\nusers: [{name: 'a b'}]"} {
		f := setup(t, func(o *guest.Options) { o.CloudInit.UserData = data })
		f.refused(1, "status: error", "cloud-init status --wait")
	}
}
