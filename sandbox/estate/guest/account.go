package guest

import (
	"fmt"
	"strconv"
	"strings"
)

// account is a user as /etc/passwd and /etc/group know them.
type account struct {
	name     string
	uid, gid int
	groups   []int
	gecos    string
	home     string
	shell    string
}

// root may do everything inside the guest.
var root = account{name: "root", home: "/root", shell: "/bin/bash"} //nolint:gochecknoglobals // Never changed.

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
`

const group = `root:x:0:
daemon:x:1:
adm:x:4:
disk:x:6:
tty:x:5:
sudo:x:27:
www-data:x:33:
shadow:x:42:
users:x:100:
nogroup:x:65534:
`

// records reads a file of colon-separated fields, at least n of them in each line.
func (m *Machine) records(name string, n int) [][]string {
	data, err := m.files.as(root).readFile(name)
	if err != nil {
		return nil
	}
	var records [][]string
	for line := range strings.SplitSeq(string(data), "\n") {
		if fields := strings.Split(line, ":"); len(fields) >= n {
			records = append(records, fields)
		}
	}
	return records
}

// lookupUser finds an account by name or number.
func (m *Machine) lookupUser(name string) (account, bool) {
	for _, f := range m.records("/etc/passwd", 7) {
		if f[0] != name && f[2] != name {
			continue
		}
		uid, uidErr := strconv.Atoi(f[2])
		gid, gidErr := strconv.Atoi(f[3])
		if uidErr != nil || gidErr != nil {
			continue
		}
		a := account{name: f[0], uid: uid, gid: gid, gecos: f[4], home: f[5], shell: f[6]}
		a.groups = m.groupsOf(a.name)
		return a, true
	}
	return account{}, false
}

// account finds an account by name; one that is gone has no rights.
func (m *Machine) account(name string) account {
	if name == "root" {
		return root
	}
	if a, ok := m.lookupUser(name); ok {
		return a
	}
	return account{name: name, uid: 65534, gid: 65534, home: "/", shell: "/usr/sbin/nologin"}
}

// groupsOf lists the groups that name a user as a member.
func (m *Machine) groupsOf(user string) []int {
	var gids []int
	for _, f := range m.records("/etc/group", 4) {
		if gid, err := strconv.Atoi(f[2]); err == nil && listed(f[3], user) {
			gids = append(gids, gid)
		}
	}
	return gids
}

func listed(list, word string) bool {
	return strings.Contains(","+list+",", ","+word+",")
}

// lookupGroup finds a group by name or number.
func (m *Machine) lookupGroup(name string) (string, int, bool) {
	for _, f := range m.records("/etc/group", 4) {
		if f[0] != name && f[2] != name {
			continue
		}
		if gid, err := strconv.Atoi(f[2]); err == nil {
			return f[0], gid, true
		}
	}
	return "", 0, false
}

func (m *Machine) userName(uid int) string {
	if a, ok := m.lookupUser(strconv.Itoa(uid)); ok {
		return a.name
	}
	return strconv.Itoa(uid)
}

func (m *Machine) groupName(gid int) string {
	if name, _, ok := m.lookupGroup(strconv.Itoa(gid)); ok {
		return name
	}
	return strconv.Itoa(gid)
}

// makeUser makes the template's account with its keys and passwordless sudo.
func (m *Machine) makeUser() error {
	name := m.options.User
	if name != "root" {
		if _, err := m.addUser(newUser{name: name, home: "/home/" + name, shell: "/bin/bash", makeHome: true}); err != nil {
			return err
		}
		rule := fmt.Sprintf("%s ALL=(ALL) NOPASSWD:ALL\n", name)
		if err := m.files.as(root).writeFile("/etc/sudoers.d/90-"+name, []byte(rule), 0o440); err != nil {
			return err
		}
	}
	return m.authorize(name, m.options.AuthorizedKeys)
}

// authorize adds public keys to those that a user accepts.
func (m *Machine) authorize(user string, keys []string) error {
	a, v := m.account(user), m.files.as(root)
	folder := a.home + "/.ssh"
	name := folder + "/authorized_keys"
	if err := v.mkdirAll(folder, 0o700); err != nil {
		return err
	}
	old, err := v.readFile(name)
	if missing := missingIsFine(err); err != nil && missing != nil {
		return err
	}
	text := string(old)
	for _, key := range keys {
		if line := strings.TrimSpace(key) + "\n"; !strings.Contains(text, line) {
			text += line
		}
	}
	if err := v.writeFile(name, []byte(text), 0o600); err != nil {
		return err
	}
	for _, made := range []string{folder, name} {
		if err := v.chown(made, a.uid, a.gid); err != nil {
			return err
		}
	}
	return nil
}
