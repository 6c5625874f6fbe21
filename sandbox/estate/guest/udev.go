package guest

import "path"

// makeDevices makes the nodes and links of /dev, as udev does: what is there and right stays, because somebody may be
// looking at one disk while another changes.
func (m *Machine) makeDevices() error {
	m.udev.Lock()
	defer m.udev.Unlock()
	v := m.files.as(root)
	for _, folder := range linkFolders {
		if err := v.mkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	nodes, links := m.wantedDevices()
	if err := sweepDevices(v, nodes, links); err != nil {
		return err
	}
	disks := m.files.as(account{name: "root", gid: 6}) // The group disk, as udev sets it.
	for node := range nodes {
		if !v.exists(node) {
			if err := disks.writeFile(node, nil, 0o660); err != nil {
				return err
			}
		}
	}
	for link, target := range links {
		if !v.exists(link) {
			if err := v.symlink(target, link); err != nil {
				return err
			}
		}
	}
	return nil
}

var linkFolders = []string{"/dev/disk/by-id", "/dev/disk/by-uuid"}

// wantedDevices says which nodes there should be, and which links with what target.
func (m *Machine) wantedDevices() (nodes map[string]bool, links map[string]string) {
	nodes, links = map[string]bool{}, map[string]string{}
	for _, d := range m.devices() {
		nodes[d.path()] = true
		suffix := ""
		if d.partition {
			suffix = "-part1"
		}
		var names []string
		for _, name := range d.names() {
			names = append(names, "/dev/disk/by-id/"+name+suffix)
		}
		if uuid := m.filesystemOf(d).UUID; uuid != "" {
			names = append(names, "/dev/disk/by-uuid/"+uuid)
		}
		for _, name := range names {
			if links[name] == "" { // Of two file systems with one UUID the first has the link.
				links[name] = "../../" + d.name
			}
		}
	}
	return nodes, links
}

// sweepDevices removes what should not be there, or leads elsewhere.
func sweepDevices(v view, nodes map[string]bool, links map[string]string) error {
	for _, folder := range append([]string{"/dev"}, linkFolders...) {
		entries, err := v.readDir(folder)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			name := path.Join(folder, entry.Name())
			if folder == "/dev" && (nodes[name] || name == "/dev/null" || name == "/dev/disk") {
				continue
			}
			if target, err := v.readlink(name); err == nil && links[name] == target {
				continue
			}
			if err := v.removeAll(name); err != nil {
				return err
			}
		}
	}
	return nil
}
