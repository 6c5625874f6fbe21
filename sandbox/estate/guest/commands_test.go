package guest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for script, want := range map[string]string{
		`install -m 0600 /dev/null /tmp/a && stat -c '%a %U %G %s' /tmp/a`:                                   "600 root root 0",
		`echo x | install -m 0640 -o deploy -g deploy /dev/stdin /tmp/b; stat -c '%a %U:%G' /tmp/b`:          "640 deploy:deploy",
		`mkdir -p /tmp/c/d/e && mv -f /tmp/c /tmp/c2 && ls /tmp/c2/d`:                                        "e",
		`ln -sfn /etc /tmp/l; ln -sfn /opt /tmp/l; readlink /tmp/l; readlink -f /tmp/l/../etc/hostname`:      "/opt\n/etc/hostname",
		`umask 077; echo > /tmp/m; stat -c %a /tmp/m; umask`:                                                 "600\n0077",
		`(umask 077); echo > /tmp/m2; stat -c %a /tmp/m2`:                                                    "644",
		`mkdir /tmp/n; chmod 2750 /tmp/n; chmod g+w,o=r /tmp/n; stat -c '%a %A' /tmp/n`:                      "2774 drwxrwsr--",
		`mkdir -p /tmp/o/p; chown -R deploy:sudo /tmp/o; stat -c '%U %G %u' /tmp/o/p`:                        "deploy sudo 1000",
		`cp -a /etc/sudoers.d /tmp/s; stat -c %a /tmp/s /tmp/s/*`:                                            "750\n440",
		`f=$(mktemp /tmp/x.XXXXXX); [ -f "$f" ] && stat -c %a "$f"; d=$(mktemp -d); [ -d "$d" ] && echo dir`: "600\ndir",
		`rm -f /tmp/none; rm -rf /tmp/c2; [ ! -e /tmp/c2 ] && echo gone`:                                     "gone",
		`basename /a/b.c .c; dirname /a/b.c`:                                                                 "b\n/a",
		`wc -c < /etc/hostname; sha256sum < /etc/hostname | cut -c1-8`:                                       "7\n" + sum8("web-01\n"),
		`touch /tmp/t; [ /tmp/t -nt /etc/hostname ] && echo newer`:                                           "newer",
		`[ -b /dev/sdb ] && [ -c /dev/null ] && [ -L /bin ] && [ -d /run/systemd/system ] && echo kinds`:     "kinds",
	} {
		require.Equal(t, want, f.root(script), script)
	}
	f.refused(1, "cannot remove '/etc': Is a directory", "rm /etc")
	f.refused(1, "File exists", "mkdir /etc")
	f.refused(1, "No such file or directory", "mkdir /none/x")
	f.refused(1, "invalid option -- 'Z'", "mkdir -Z /x")
	f.refused(1, "invalid mode", "chmod u+q /etc/hostname")
	f.refused(1, "invalid user", "chown nobody-here /etc/hostname")
	f.refused(1, "cannot move", "mv /none /tmp")
	f.refused(2, "cannot access", "ls /none")
	f.refused(1, "Directory not empty", "rmdir /etc")
	f.refused(1, "", "readlink /etc/hostname")
	f.refused(1, "Is a directory", "cat /etc")
	f.refused(1, "Too many levels", "ln -s /tmp/loop /tmp/loop; cat /tmp/loop")
	f.refused(1, "dangerous", "rm -rf /")
	f.refused(1, "Input/output error", "cat /dev/sdb")
	for _, script := range []string{"echo x > /etc/made", "cat /etc/shadow", "rm /etc/hostname", "mkdir /srv/x", "ls /root", "cat /etc/sudoers.d/90-deploy", "chown root ~", "mv /etc/hostname /tmp", "cd /root", "mkfs.ext4 /dev/sdb", "echo > /dev/sdb"} {
		require.NotZero(t, f.ssh(script, "").code, "as a user: "+script)
	}
	require.Equal(t, result{"own\n", "", 0}, f.ssh("echo own > ~/x && cat ~/x && rm ~/x", ""))
	f.root("echo x > /tmp/roots")
	require.NotZero(t, f.ssh("rm /tmp/roots", "").code, "sticky")
}

func sum8(text string) string { return fmt.Sprintf("%x", sha(text))[:8] }

func TestText(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for script, want := range map[string]string{
		`printf 'b\na\nb\n' | sort -u | tr a-z A-Z`:                                 "A\nB",
		`printf '1\n2\n3\n' | head -n 2 | tail -1`:                                  "2",
		`printf 'a:b:c\n' | cut -d: -f1,3`:                                          "a:c",
		`printf 'a=1\nb=2\n' | sed -e 's/^\(.\)=\(.*\)/\2\1/' -e '/1a/d'`:           "2b",
		`printf 'x\ny\n' | sed -n '$p'; printf 'x\n' | sed -E 's|(x)+|<&>|'`:        "y\n<x>",
		`echo one > /tmp/f; sed -i 's/one/two/' /tmp/f; cat /tmp/f`:                 "two",
		`printf 'foo\nbar\n' | grep -c o; printf 'a.b\n' | grep -F .`:               "1\na.b",
		`printf 'k[1]\n' | grep 'k\[1\]'; echo abc | grep -o 'b'`:                   "k[1]\nb",
		`printf hello | base64; echo aGVsbG8= | base64 -d`:                          "aGVsbG8=\nhello",
		`printf x | tee /tmp/t1 /tmp/t2; cat /tmp/t2`:                               "xx",
		`printf 'a\n' > /tmp/s; sha256sum /tmp/s > /tmp/sum; sha256sum -c /tmp/sum`: "/tmp/s: OK",
		`mkdir -p /tmp/p/q; echo z > /tmp/p/q/r; tar -czf /tmp/a.tgz -C /tmp p; mkdir /tmp/u; tar -xf /tmp/a.tgz -C /tmp/u --no-same-owner; cat /tmp/u/p/q/r`: "z",
		`printf zip | gzip -c | gunzip -c`:           "zip",
		`printf 'a b' | xargs -n 1 echo -`:           "- a\n- b",
		`echo 3 | { read -r n; echo $((n*2)); }`:     "6",
		"cat <<EOF\n$(hostname)\nEOF":                "web-01",
		`trap 'echo bye' EXIT HUP INT TERM; echo hi`: "hi\nbye",
	} {
		require.Equal(t, want, f.root(script), script)
	}
	f.refused(1, "", "echo a | grep b")
	f.refused(2, "", "grep '[' /etc/hostname")
	f.refused(1, "FAILED", "echo '0000  /etc/hostname' | sha256sum -c -")
	f.refused(1, "unknown command", "echo | sed x")
	f.refused(1, "invalid input", "echo '***' | base64 -d")
	f.refused(2, "not look like a tar", "tar -xf /etc/hostname")
	f.refused(2, "Member name contains '..'", "mkdir -p /tmp/w/v; cd /tmp/w/v; echo x > ../evil; tar -cf /tmp/e.tar ../evil; tar -xf /tmp/e.tar")
	f.refused(2, "", "if then")
}

func TestSudoAndAccounts(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.root("useradd --system --user-group --home-dir /srv/h --no-create-home --shell /usr/sbin/nologin hello")
	require.Equal(t, "hello:x:999:999::/srv/h:/usr/sbin/nologin", f.root("getent passwd hello"))
	require.Equal(t, "hello:x:999:", f.root("getent group hello"))
	f.root("useradd -m -s /bin/bash ann; usermod -aG sudo ann")
	require.Equal(t, "uid=1001(ann) gid=1001(ann) groups=1001(ann),27(sudo)", f.root("id ann"))
	require.Equal(t, "ann", f.root("stat -c %U /home/ann"))
	require.Equal(t, "ann 1001", f.root("sudo -u ann sh -c 'echo $(whoami) $(id -u)'"))
	f.refused(9, "already exists", "useradd ann")
	f.refused(3, "invalid user name", "useradd 'a:b'")
	f.refused(6, "does not exist", "useradd -g nogroup2 bob")
	f.refused(2, "", "getent passwd nobody-here")
	f.refused(1, "no such user", "id nobody-here")
	f.refused(9, "already exists", "groupadd sudo")
	f.refused(1, "unknown user", "sudo -u nobody-here true")
	f.refused(1, "command not found", "sudo nothing-here")
	f.refused(1, "a password is required", "sudo -u ann sudo -n true")
	require.Equal(t, 1, f.ssh("/usr/sbin/useradd eve", "").code)
	f.root("rm /etc/sudoers.d/*")
	denied := f.ssh("sudo -n true", "")
	require.Equal(t, result{"", "sudo: a password is required\n", 1}, denied)
}

func TestFlockExcludes(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.root("echo 0 > /tmp/n")
	done := make(chan int)
	for range 8 {
		go func() {
			_, code := f.machine.Exec(background(), `flock -w 30 /run/lock/l sh -c 'n=$(cat /tmp/n); sleep 0.01; echo $((n+1)) > /tmp/n'`)
			done <- code
		}()
	}
	for range 8 {
		require.Zero(t, <-done)
	}
	require.Equal(t, "8", f.root("cat /tmp/n"))

	ctx, cancel := context.WithCancel(t.Context())
	held := make(chan struct{})
	go func() {
		defer close(held)
		_, _ = f.machine.Exec(ctx, "flock /run/lock/l sh -c 'echo > /tmp/held; sleep 600'")
	}()
	require.Eventually(t, func() bool { _, err := f.machine.ReadFile("/tmp/held"); return err == nil }, 5*time.Second, time.Millisecond)
	f.refused(75, "", "flock -w 0.01 -E 75 /run/lock/l true")
	f.refused(1, "", "flock -n /run/lock/l true")
	require.Contains(t, f.root("ps aux"), "sleep 600")
	cancel()
	<-held
	f.root("flock -n /run/lock/l true")
	f.refused(64, "", "flock -Q /run/lock/l true")
	f.refused(66, "cannot open lock file", "flock /none/l true")
	f.refused(69, "failed to execute", "flock /run/lock/l nothing-here")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.root("hostnamectl set-hostname web-02")
	require.Equal(t, "web-02 web-02 web-02", f.root("echo $(hostname) $(cat /etc/hostname) $(uname -n)"))
	f.root("timedatectl set-timezone Europe/Berlin")
	require.Equal(t, "Europe/Berlin", f.root("timedatectl show -p Timezone --value"))
	require.Equal(t, "/usr/share/zoneinfo/Europe/Berlin", f.root("readlink -f /etc/localtime"))
	f.refused(1, "Invalid or not installed", "timedatectl set-timezone Mars/Olympus")
	f.refused(1, "Invalid static hostname", "hostnamectl set-hostname 'a b'")
	f.refused(1, "Unknown command verb", "timedatectl set-moon 1")
	require.Equal(t, 1, f.ssh("hostnamectl set-hostname x; ", "").code)
	require.True(t, strings.HasPrefix(f.root("date +%Y-%m-%d"), "20"))
	f.refused(124, "", "timeout 0.01 sleep 60")
}
