package spec

import (
	"fmt"
	"time"
)

// KindInstance is the kind of an Instance.
const KindInstance = "Instance"

// Instance is the document that describes one instance of a cloud: what it is made from, who may use it, and which database
// it works with.
type Instance struct {
	APIVersion string       `yaml:"apiVersion" json:"apiVersion"` // Version of the document's form: fermata/v1.
	Kind       string       `yaml:"kind" json:"kind"`             // What the document describes: Instance.
	Metadata   Metadata     `yaml:"metadata" json:"metadata"`     // Names the instance.
	Spec       InstanceSpec `yaml:"spec" json:"spec"`             // What the instance should be.
}

// InstanceSpec is what an instance should be.
type InstanceSpec struct {
	Cloud       Cloud            `yaml:"cloud" json:"cloud"`                                 // Where the instance runs and what it is made from.
	Access      Access           `yaml:"access" json:"access"`                               // How the worker reaches the guest.
	Storage     []InstanceVolume `yaml:"storage,omitempty" json:"storage,omitempty"`         // Volumes with a file system on each; a mount inside another comes after it.
	OS          OS               `yaml:"os,omitempty" json:"os,omitzero"`                    // Configuration of the operating system.
	Application *Application     `yaml:"application,omitempty" json:"application,omitempty"` // The application: a package or an archive.
	// Firewall lets traffic to the instance pass: in the cloud's own security group, and at an edge before it. A rule's system
	// says which of the two it is for.
	Firewall  []Rule       `yaml:"firewall,omitempty" json:"firewall,omitempty"`
	Accounts  Accounts     `yaml:"accounts,omitempty" json:"accounts,omitzero"`    // Accounts of people and services. None may do more than is stated.
	Database  *DatabaseUse `yaml:"database,omitempty" json:"database,omitempty"`   // The database that the instance works with.
	Ticket    *Ticket      `yaml:"ticket,omitempty" json:"ticket,omitempty"`       // The ticket that announces the instance.
	Inventory *Inventory   `yaml:"inventory,omitempty" json:"inventory,omitempty"` // The configuration item in the CMDB.
	Run       RunPolicy    `yaml:"run,omitempty" json:"run,omitzero"`              // How the run behaves when something goes wrong or nobody answers.
}

// Cloud says where an instance runs and what it is made from.
type Cloud struct {
	System  string            `yaml:"system,omitempty" json:"system,omitempty"`   // Name of the cloud in the configuration; empty: the only one.
	Image   string            `yaml:"image" json:"image"`                         // Name or id of the image.
	Flavor  string            `yaml:"flavor" json:"flavor"`                       // Name or id of the size: m1.small, t3.small.
	Network string            `yaml:"network" json:"network"`                     // Name or id of the network; where a cloud has them, of the subnet.
	Address string            `yaml:"address,omitempty" json:"address,omitempty"` // Address in that network; absent: the cloud chooses one.
	Public  string            `yaml:"public,omitempty" json:"public,omitempty"`   // Network or pool that a public address is taken from; absent: none is.
	Zone    string            `yaml:"zone,omitempty" json:"zone,omitempty"`       // Availability zone; absent: the cloud chooses.
	KeyPair string            `yaml:"keyPair,omitempty" json:"keyPair,omitempty"` // Name of a key pair that the cloud holds, for people; the worker's own key comes with the user data.
	Domain  string            `yaml:"domain,omitempty" json:"domain,omitempty"`   // DNS domain of the host name: estate.test.
	Tags    map[string]string `yaml:"tags,omitempty" json:"tags,omitempty"`       // Tags of one's own, shown in the cloud.
}

// InstanceVolume is a volume of the cloud with a file system on it.
type InstanceVolume struct {
	Name       string `yaml:"name" json:"name"`                                 // Name of the volume, unique in the instance.
	Size       Size   `yaml:"size" json:"size"`                                 // Size, a multiple of 1GiB.
	Type       string `yaml:"type,omitempty" json:"type,omitempty"`             // Type in the cloud's own words: gp3, ssd; the cloud's default if absent.
	Filesystem string `yaml:"filesystem,omitempty" json:"filesystem,omitempty"` // ext4 (default) or xfs.
	Mount      string `yaml:"mount" json:"mount"`                               // Mount point, an absolute path that is not the operating system's.
	Owner      string `yaml:"owner,omitempty" json:"owner,omitempty"`           // "user" or "user:group" of the mount point; root if absent.
	Mode       string `yaml:"mode,omitempty" json:"mode,omitempty"`             // Octal mode of the mount point; "0755" if absent.
}

// Volume is the volume as a guest has it.
func (v InstanceVolume) Volume() Volume {
	return Volume{Name: v.Name, Size: v.Size, Filesystem: v.Filesystem, Mount: v.Mount, Owner: v.Owner, Mode: v.Mode}
}

// Accounts are the accounts that come with an instance.
type Accounts struct {
	Local     []LocalAccount     `yaml:"local,omitempty" json:"local,omitempty"`         // On the instance itself.
	Directory []DirectoryAccount `yaml:"directory,omitempty" json:"directory,omitempty"` // In a directory.
}

// LocalAccount is an account on the instance, of a person or a service. It has no password.
type LocalAccount struct {
	Name    string   `yaml:"name" json:"name"`                           // Name of the account.
	Groups  []string `yaml:"groups,omitempty" json:"groups,omitempty"`   // Groups that the guest has; its own only if absent.
	Keys    []string `yaml:"keys,omitempty" json:"keys,omitempty"`       // Public SSH keys that it logs in with; nobody logs in if absent.
	Sudo    []string `yaml:"sudo,omitempty" json:"sudo,omitempty"`       // Commands that it may run as root, as sudoers(5) writes them: /usr/bin/systemctl restart app; none if absent.
	Shell   string   `yaml:"shell,omitempty" json:"shell,omitempty"`     // /bin/bash if absent.
	Expires Time     `yaml:"expires,omitempty" json:"expires,omitempty"` // When it is disabled; never if absent.
}

// DirectoryAccount is an account in a directory. Who it belongs to sets the password by the directory's own means.
type DirectoryAccount struct {
	System  string   `yaml:"system,omitempty" json:"system,omitempty"`   // Name of the directory in the configuration; empty: the only one.
	Name    string   `yaml:"name" json:"name"`                           // Login name (uid, sAMAccountName).
	Display string   `yaml:"display,omitempty" json:"display,omitempty"` // Name that people read; the login name if absent.
	Mail    string   `yaml:"mail,omitempty" json:"mail,omitempty"`       // Address for mail.
	Groups  []string `yaml:"groups,omitempty" json:"groups,omitempty"`   // Groups that exist in the directory; none if absent.
	Keys    []string `yaml:"keys,omitempty" json:"keys,omitempty"`       // Public SSH keys, where the directory holds them.
	Expires Time     `yaml:"expires,omitempty" json:"expires,omitempty"` // When it is disabled; never if absent.
}

// DatabaseUse is the database that an instance works with, and the file that tells its application how to connect.
type DatabaseUse struct {
	System   string         `yaml:"system,omitempty" json:"system,omitempty"` // Name of the database server in the configuration; empty: the only one.
	Name     string         `yaml:"name" json:"name"`                         // Name of the database; the run makes it.
	Role     string         `yaml:"role" json:"role"`                         // Name of the login, without the ending _1 or _2: two logins take turns, so that a password changes without an outage.
	Access   string         `yaml:"access,omitempty" json:"access,omitempty"` // readonly (default), readwrite, or owner: also makes and changes tables.
	Password string         `yaml:"password" json:"password"`                 // Where the generated password is kept: a reference that can be written to, secret://vault/kv/app-01/database#password.
	File     ConnectionFile `yaml:"file" json:"file"`                         // The file on the instance that says how to connect.
	// OnDecommission says what becomes of the database: keep (default), archive (a dump is kept, then it is dropped), or drop, which
	// asks for an approval of its own.
	OnDecommission string `yaml:"onDecommission,omitempty" json:"onDecommission,omitempty"`
	// Overlap is how long the login that was in use still works after a rotation, for what is connected; 15m if absent.
	Overlap Duration `yaml:"overlap,omitempty" json:"overlap,omitempty"`
}

// ConnectionFile is a file that an application reads how to connect from, in the form of the server's own clients: a connection
// service file of libpq, an option file of MySQL and MariaDB.
type ConnectionFile struct {
	Path  string `yaml:"path" json:"path"`                       // Absolute path of the file.
	Owner string `yaml:"owner,omitempty" json:"owner,omitempty"` // "user" or "user:group"; root if absent.
	Mode  string `yaml:"mode,omitempty" json:"mode,omitempty"`   // 0400, 0440, 0600 or 0640; "0600" if absent.
}

// What a login may do in its database.
const (
	AccessReadOnly  = "readonly"
	AccessReadWrite = "readwrite"
	AccessOwner     = "owner"
)

// What becomes of a database with its instance.
const (
	DatabaseKeep    = "keep"
	DatabaseArchive = "archive"
	DatabaseDrop    = "drop"
)

// Defaults of a DatabaseUse.
const (
	DefaultConnectionMode = "0600"
	DefaultOverlap        = Duration(15 * time.Minute)
)

// Time is a moment in UTC, as RFC 3339 writes it: 2027-01-31T18:00:00Z. Empty: none.
type Time string

const timePattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`

// UnmarshalText reads a moment.
func (t *Time) UnmarshalText(text []byte) error {
	at, err := time.Parse("2006-01-02T15:04:05Z", string(text))
	if err != nil {
		return fmt.Errorf("expected a moment in UTC such as 2027-01-31T18:00:00Z, found %q", text)
	}
	*t = Time(at.Format("2006-01-02T15:04:05Z"))
	return nil
}

// Moment returns the moment; nil: none.
func (t Time) Moment() *time.Time {
	at, err := time.Parse("2006-01-02T15:04:05Z", string(t))
	if err != nil {
		return nil
	}
	return &at
}

// ApplyDefaults fills in what the document leaves open, so that the plan's hash covers it: what an Instance shares with a Server
// is as there; accounts.local[].shell /bin/bash; database access readonly,
// onDecommission keep, overlap 15m, file owner root, mode 0600.
func (s *Instance) ApplyDefaults() {
	spec := &s.Spec
	fill(&spec.Access.Port, DefaultSSHPort)
	for i := range spec.Storage {
		fill(&spec.Storage[i].Filesystem, DefaultFilesystem)
		fill(&spec.Storage[i].Owner, DefaultOwner)
		fill(&spec.Storage[i].Mode, DefaultMountMode)
	}
	spec.OS.applyDefaults()
	if spec.Application != nil {
		spec.Application.applyDefaults()
	}
	for i := range spec.Firewall {
		fill(&spec.Firewall[i].Protocol, DefaultProtocol)
	}
	for i := range spec.Accounts.Local {
		fill(&spec.Accounts.Local[i].Shell, "/bin/bash")
	}
	if d := spec.Database; d != nil {
		fill(&d.Access, AccessReadOnly)
		fill(&d.OnDecommission, DatabaseKeep)
		fill(&d.Overlap, DefaultOverlap)
		fill(&d.File.Owner, DefaultOwner)
		fill(&d.File.Mode, DefaultConnectionMode)
	}
	spec.Run.applyDefaults()
}

// Owner names on whose behalf the instance's objects exist: "instance/app-01".
func (s *Instance) Owner() string { return "instance/" + s.Metadata.Name }

// Volumes are the volumes as the guest has them.
func (s *Instance) Volumes() []Volume {
	var volumes []Volume
	for _, v := range s.Spec.Storage {
		volumes = append(volumes, v.Volume())
	}
	return volumes
}
