package guest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// attempts are the ways out of a shell. OUT is the path of the canary, DIR its folder, ROOT the folder in which the
// guest's own lies. What they print must not hold the canary, and afterwards nothing outside may have changed.
var attempts = map[string]string{
	"cat":                   `cat OUT`,
	"dots":                  `cat ../../../../../../../../../../..OUT`,
	"dots from a folder":    `cd /etc; cat ../../..OUT`,
	"redirect in":           `cat < OUT`,
	"read":                  `read -r line < OUT; echo "$line"`,
	"mapfile":               `mapfile -t all < OUT; echo "${all[@]}"`,
	"file substitution":     `echo "$(<OUT)"`,
	"source":                `source OUT`,
	"dot":                   `. OUT`,
	"source by PATH":        `PATH=DIR; . secret.txt`,
	"command source":        `command . OUT`,
	"builtin source":        `builtin source OUT`,
	"write":                 `echo pwned > DIR/made`,
	"append":                `echo pwned >> OUT`,
	"all":                   `echo pwned &> DIR/made`,
	"here-doc":              "cat > DIR/made <<EOF\npwned\nEOF",
	"exec redirect":         `exec > DIR/made; echo pwned`,
	"tee":                   `echo pwned | tee DIR/made`,
	"cp out":                `cp /etc/hostname DIR/made`,
	"cp in":                 `cp OUT /tmp/x; cat /tmp/x`,
	"mv":                    `mv OUT /tmp/x; cat /tmp/x`,
	"ln hard":               `ln OUT /tmp/x; cat /tmp/x`,
	"symlink":               `ln -s OUT /tmp/x; cat /tmp/x; echo pwned >> /tmp/x`,
	"symlink of dots":       `ln -s ../../../../../../../..OUT /tmp/x; cat /tmp/x`,
	"symlink to folder":     `ln -s DIR /tmp/d; cat /tmp/d/secret.txt; echo pwned > /tmp/d/made; ls /tmp/d`,
	"symlink to /":          `ln -s / /tmp/d; cat /tmp/d/OUT`,
	"rm":                    `rm -rf DIR`,
	"mkdir":                 `mkdir -p DIR/made && echo pwned > DIR/made/x`,
	"ls":                    `ls -la DIR`,
	"glob":                  `echo DIR/*`,
	"glob deep":             `shopt -s globstar; echo ROOT/**`,
	"cd":                    `cd DIR && cat secret.txt`,
	"cd and glob":           `cd DIR; echo *`,
	"pushd":                 `pushd DIR && cat secret.txt`,
	"stat":                  `stat OUT`,
	"test":                  `[ -e OUT ] && echo CANARY; test -f OUT && echo CANARY; [[ -r OUT ]] && echo CANARY`,
	"sudo":                  `sudo cat OUT`,
	"find by command":       `PATH=DIR; command -v secret.txt; type secret.txt; which secret.txt`,
	"process substitution":  `cat <(cat OUT)`,
	"process substitution2": `echo pwned > >(tee DIR/made)`,
	"mktemp":                `f=$(mktemp -p DIR) && echo pwned > "$f"`,
	"TMPDIR":                `TMPDIR=DIR; export TMPDIR; cat <(echo x); f=$(mktemp) && echo pwned > "$f"`,
	"tar out":               `tar -cf - OUT | tar -xf - -C /tmp -O; tar -cf /tmp/a.tar OUT; cat /tmp/a.tar`,
	"tar member":            `mkdir -p /tmp/t; ln -s DIR /tmp/t/d; cd /tmp; tar -cf a.tar t; rm -rf t; tar -xf a.tar; echo pwned > t/d/made`,
	"sed -i":                `sed -i s/canary/pwned/ OUT; sed -n p OUT`,
	"install":               `echo pwned | install -D -m 600 /dev/stdin DIR/made`,
	"sha":                   `sha256sum OUT`,
	"base64":                `base64 OUT`,
	"grep":                  `grep -r canary DIR; grep . OUT`,
	"head":                  `head OUT; tail OUT; wc OUT; sort OUT; cut -c1-50 OUT; cmp OUT /etc/hostname`,
	"curl file":             `curl file://OUT`,
	"curl -K":               `curl -K OUT`,
	"curl -o":               `curl -o DIR/made http://10.20.0.11:22`,
	"sh file":               `sh OUT`,
	"bash -c":               `bash -c 'cat OUT'`,
	"eval":                  `eval 'cat OUT'`,
	"trap":                  `trap 'cat OUT' EXIT`,
	"alias":                 "shopt -s expand_aliases\nalias x='cat OUT'\nx",
	"function":              `f() { cat OUT; }; f`,
	"background":            `cat OUT & wait`,
	"pipe":                  `cat OUT | cat`,
	"proc root":             `cat /proc/self/root/OUT /proc/self/cwd/secret.txt /proc/1/environ /proc/self/environ`,
	"fd":                    `cat /dev/fd/0 /dev/fd/3 /proc/self/fd/3`,
	"fifo of the shell":     `cat /tmp/sh-interp-1 /dev/null/fermata/sh-interp-1 ROOT/sh-interp-1; echo pwned > ROOT/sh-interp-1`,
	"mount":                 `mount --bind DIR /mnt; cat /mnt/secret.txt`,
	"mkfs":                  `mkfs.ext4 -U ../../../made /dev/sdb; mkfs.ext4 OUT`,
	"flock file":            `flock OUT true; flock DIR/made true`,
	"env":                   `env; export; set; echo "$FERMATA_CANARY"`,
	"tilde":                 `echo ~root ~daemon; cat ~/../..OUT`,
	"nul":                   `cat $'/etc/hostname\x00OUT'`,
	"root":                  `cat /../../../..OUT; cat //OUT`,
	"pwd -P":                `PWD=DIR; pwd -P; builtin pwd -P; command pwd -P`,
	"OLDPWD":                `OLDPWD=DIR; cd - && cat secret.txt`,
	"CDPATH":                `CDPATH=ROOT cd . ; cat secret.txt`,
	"useradd":               `useradd -m -d DIR/made x; useradd --home-dir DIR --create-home y; ls DIR`,
	"timezone":              `timedatectl set-timezone ../../../../..OUT; cat /etc/localtime`,
	"systemd":               "printf '[Service]\\nExecStart=/bin/cat OUT\\n' > /etc/systemd/system/x.service; systemctl start x; journalctl -u x; systemctl cat ../../../../..OUT",
}

func TestNothingOutsideIsReached(t *testing.T) {
	t.Parallel()
	f := setup(t)
	dir := filepath.Dir(f.outside)
	for name, script := range attempts {
		t.Run(name, func(t *testing.T) {
			script := strings.NewReplacer("OUT", f.outside, "DIR", dir, "ROOT", filepath.Dir(dir), "CANARY", canary).Replace(script)
			for _, script := range []string{script, "sh -c '" + strings.ReplaceAll(script, "'", `'\''`) + "'"} {
				out, _ := f.machine.Exec(t.Context(), script)
				require.NotContains(t, out, canary)
				require.NotContains(t, out, "Y2FuYXJ5", "base64 of the canary")
				require.NotContains(t, out, filepath.Base(dir)+"/guest", "the guest's own folder")
			}
			user := f.ssh(script, "")
			require.NotContains(t, user.out+user.err, canary)
		})
		f.unharmed()
		f.root("rm -rf /tmp/* /etc/systemd/system/x.service")
	}
}

// unharmed wants the outside as it was. The guest has its own folders of the same names by now.
func (f *fixture) unharmed() {
	f.t.Helper()
	text, err := os.ReadFile(f.outside)
	require.NoError(f.t, err)
	require.Equal(f.t, canary, string(text))
	entries, err := os.ReadDir(filepath.Dir(f.outside))
	require.NoError(f.t, err)
	require.Len(f.t, entries, 3, "%v", entries)
	fifos, err := filepath.Glob(filepath.Join(os.TempDir(), "sh-interp-*"))
	require.NoError(f.t, err)
	require.Empty(f.t, fifos, "a pipe of a process substitution")
}

func TestNothingOutsideIsRun(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.refused(127, "No such file", `/bin/python3 -c 'print(1)'`)
	f.refused(127, "No such file", `/usr/local/go/bin/go version`)
	f.refused(127, "awk", `awk 'BEGIN{print 1}'`)
	f.refused(127, "", `exec /usr/bin/gcc`)
	f.refused(126, "", "cp /bin/cat /tmp/x; echo '\x7fELF real' > /tmp/x; chmod 755 /tmp/x; /tmp/x")
	f.refused(126, "", "printf '#!/usr/bin/python3\\nprint(1)\\n' > /tmp/y; chmod 755 /tmp/y; /tmp/y")
	require.Equal(t, "in the guest web-01", f.root("printf '#!/bin/sh\\necho in the guest $(hostname) $1\\n' > /tmp/z; chmod 755 /tmp/z; /tmp/z"))
	require.Equal(t, "web-01", f.root("/bin/sh -c hostname"))
}

func TestNothingOfTheRealEnvironmentIsSeen(t *testing.T) {
	t.Setenv("FERMATA_CANARY", canary)
	f := setup(t)
	for _, script := range []string{"env", "export", "set", "echo $FERMATA_CANARY", "sh -c env", "sudo env", "sudo -E env", "echo $HOME $TMPDIR $UID", "echo ~root"} {
		out, _ := f.machine.Exec(background(), script)
		require.NotContains(t, out, canary, script)
		require.NotContains(t, f.ssh(script, "").out, canary, script)
	}
	require.Equal(t, "/root  0 /root", f.root(`echo "$HOME $TMPDIR $UID" ~root`))
	require.Equal(t, "/home/deploy ~nobody-here\n", f.ssh("echo ~ ~nobody-here", "").out)
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	require.NotContains(t, f.root("echo ~daemon"), home)
	require.NotEqual(t, f.root("echo $$"), f.root("echo $$"), "each shell has a number of its own")
	require.NotEqual(t, filepath.Base(os.Args[0]), f.root("echo $0"))
}

func TestWhatNeverEndsIsEnded(t *testing.T) {
	t.Parallel()
	f := setup(t)
	_, code := f.machine.Exec(t.Context(), "ln -s / /tmp/a; ln -s / /tmp/b; shopt -s globstar; echo /tmp/**")
	require.LessOrEqual(t, code, 255)
	f.refused(2, "maximum function nesting level exceeded", "f() { f; }; f")
	f.refused(2, "script longer than", ": "+strings.Repeat("x", 300<<10))
	f.refused(2, "Argument list too long", "x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do x=$x$x; done; eval \"$x\"")
}

// TestBuiltinsDoNotAskTheHost plants what the interpreter's own builtins would find: a program, a link, a script.
func TestBuiltinsDoNotAskTheHost(t *testing.T) {
	t.Parallel()
	f := setup(t)
	dir := filepath.Dir(f.outside)
	tool := filepath.Join(dir, "tool")
	require.NoError(t, os.WriteFile(tool, []byte("#!/bin/sh\necho "+canary+"\n"), 0o700))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "link")))
	for _, script := range []string{"command -v tool", "command -p -v tool", "type -p tool", "type tool", "tool", "which tool", "hash tool; tool", "exec tool", tool} {
		out, code := f.machine.Exec(t.Context(), "PATH=$PATH:"+dir+"; "+script)
		require.NotZero(t, code, script)
		require.NotContains(t, out, canary, script)
		require.NotContains(t, strings.ReplaceAll(out, tool+": ", ""), tool, script)
	}
	f.root("mkdir -p " + dir + "/link") // A folder here, a link there.
	for _, script := range []string{"pwd -P", "command pwd -P", "builtin pwd -P"} {
		require.Equal(t, dir+"/link", f.root("cd "+dir+"/link; "+script), script)
	}
	f.root("mkdir -p " + dir + "/" + "own; echo > " + dir + "/own/inside")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "own"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "own", "outside"), nil, 0o600))
	require.Equal(t, dir+"/own/inside", f.root("echo "+dir+"/own/*"))
	require.Equal(t, "inside", f.root("cd "+dir+"/own; echo *"))
}

func TestSFTPStaysInside(t *testing.T) {
	t.Parallel()
	f := setup(t)
	c, dir := f.sftp(), filepath.Dir(f.outside)
	for _, name := range []string{f.outside, "../../../../../../../.." + f.outside, "/../.." + f.outside, "/proc/self/root" + f.outside} {
		_, err := c.Open(name)
		require.Error(t, err, name)
		_, err = c.Stat(name)
		require.Error(t, err, name)
	}
	require.NoError(t, c.Symlink(dir, "/home/deploy/out"))
	_, err := c.Open("/home/deploy/out/secret.txt")
	require.Error(t, err)
	_, err = c.Create("/home/deploy/out/made")
	require.Error(t, err)
	_, err = c.ReadDir("/home/deploy/out")
	require.Error(t, err)
	require.NoError(t, c.Symlink("../../../../../../../../.."+f.outside, "/home/deploy/dots"))
	_, err = c.Open("/home/deploy/dots")
	require.Error(t, err)
	require.Error(t, c.Mkdir(filepath.Join(dir, "made")))
	f.unharmed()
}

func TestFilesPutIntoTheFolderDoNotLeadOut(t *testing.T) {
	t.Parallel()
	f := setup(t)
	system := filepath.Join(f.options.Folder, "system", "tmp")
	require.NoError(t, os.Symlink(f.outside, filepath.Join(system, "planted")))
	require.NoError(t, os.Symlink(filepath.Dir(f.outside), filepath.Join(system, "folder")))
	for _, script := range []string{"cat /tmp/planted", "cat /tmp/folder/secret.txt", "ls /tmp/folder/", "echo pwned > /tmp/planted", "echo pwned > /tmp/folder/made"} {
		out, _ := f.machine.Exec(t.Context(), script)
		require.NotContains(t, out, canary, script)
		f.unharmed()
	}
}

// FuzzShell runs whatever comes. Nothing may panic, and nothing outside may be touched.
func FuzzShell(f *testing.F) {
	for _, script := range attempts {
		f.Add(script)
	}
	f.Add("if true; then echo $((1+2)); fi; case x in *) f() { echo; } ;; esac; f | cat")
	fx := setup(f)
	outside, dir := fx.outside, filepath.Dir(fx.outside)
	f.Fuzz(func(t *testing.T, script string) {
		if strings.Contains(script, "..") && strings.Contains(script, "{") || strings.Contains(script, "while") || strings.Contains(script, "until") || strings.Contains(script, "for") {
			return // Brace ranges and loops may be endless, as in any shell.
		}
		script = strings.NewReplacer("OUT", outside, "DIR", dir).Replace(script)
		out, code := fx.machine.Exec(t.Context(), "timeout 2 sh -c '"+strings.ReplaceAll(script, "'", `'\''`)+"'")
		require.NotContains(t, out, canary)
		require.NotContains(t, out, "internal error")
		require.LessOrEqual(t, code, 255)
		text, err := os.ReadFile(outside)
		require.NoError(t, err)
		require.Equal(t, canary, string(text))
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 3)
	})
}
