package spec

// Server is the document that describes one virtual server: what it is made from, what it holds and who may reach it.
type Server struct {
	APIVersion string     `yaml:"apiVersion" json:"apiVersion"`
	Kind       string     `yaml:"kind" json:"kind"`
	Metadata   Metadata   `yaml:"metadata" json:"metadata"`
	Spec       ServerSpec `yaml:"spec" json:"spec"`
}

// Metadata names a document's target.
type Metadata struct {
	// Name is the target's name; a server's is its host name (RFC 1123 label).
	Name string `yaml:"name" json:"name"`
	// Environment groups targets for policy: "production", "lab".
	Environment string `yaml:"environment,omitempty" json:"environment,omitempty"`
	// Site selects the workers that act: queues end in it. Empty means the only site.
	Site string `yaml:"site,omitempty" json:"site,omitempty"`
	// Labels are free; they are shown and recorded, and steer nothing.
	Labels map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
}

// ServerSpec is what a server should be.
type ServerSpec struct {
	Compute      Compute       `yaml:"compute" json:"compute"`
	Network      Network       `yaml:"network" json:"network"`
	Access       Access        `yaml:"access" json:"access"`
	Storage      []Volume      `yaml:"storage,omitempty" json:"storage,omitempty"`
	OS           OS            `yaml:"os,omitempty" json:"os,omitzero"`
	Application  *Application  `yaml:"application,omitempty" json:"application,omitempty"`
	Firewall     []Rule        `yaml:"firewall,omitempty" json:"firewall,omitempty"`
	LoadBalancer *LoadBalancer `yaml:"loadBalancer,omitempty" json:"loadBalancer,omitempty"`
	Ticket       *Ticket       `yaml:"ticket,omitempty" json:"ticket,omitempty"`
	Run          RunPolicy     `yaml:"run,omitempty" json:"run,omitzero"`
}

// Compute says where the machine runs and how large it is.
type Compute struct {
	System        string   `yaml:"system,omitempty" json:"system,omitempty"` // Name of the platform in the configuration; empty: the only one.
	Template      string   `yaml:"template" json:"template"`                 // Name or inventory path of the template.
	Datacenter    string   `yaml:"datacenter,omitempty" json:"datacenter,omitempty"`
	Folder        string   `yaml:"folder,omitempty" json:"folder,omitempty"`
	Pool          string   `yaml:"pool,omitempty" json:"pool,omitempty"` // Resource pool, or a cluster whose root pool is meant.
	Datastore     string   `yaml:"datastore,omitempty" json:"datastore,omitempty"`
	Network       string   `yaml:"network" json:"network"` // Port group that the first adapter is connected to.
	CPUs          int      `yaml:"cpus" json:"cpus"`
	Memory        Size     `yaml:"memory" json:"memory"`
	Customization string   `yaml:"customization" json:"customization"` // CloudInit or VMware: the one owner of the network setting.
	Annotation    string   `yaml:"annotation,omitempty" json:"annotation,omitempty"`
	Tags          []string `yaml:"tags,omitempty" json:"tags,omitempty"` // "category/tag"; they must exist.
}

// The owners of a new machine's host name and network setting.
const (
	// CloudInit: guestinfo metadata, read by cloud-init in the guest.
	CloudInit = "cloud-init"
	// VMware: guest customization by the platform (LinuxPrep); no user data.
	VMware = "vmware"
)

// Network is the machine's first address.
type Network struct {
	Address     string   `yaml:"address" json:"address"` // CIDR: 10.20.0.11/24.
	Gateway     string   `yaml:"gateway,omitempty" json:"gateway,omitempty"`
	Nameservers []string `yaml:"nameservers,omitempty" json:"nameservers,omitempty"`
	Domain      string   `yaml:"domain,omitempty" json:"domain,omitempty"`
}

// Access is how the worker reaches the guest.
type Access struct {
	System string `yaml:"system,omitempty" json:"system,omitempty"` // Name of the guest access in the configuration; empty: the only one.
	User   string `yaml:"user" json:"user"`                         // Account with passwordless sudo that the template has.
	Port   int    `yaml:"port,omitempty" json:"port,omitempty"`     // SSH port, 22 if absent.
	// UserData is extra cloud-config; public keys only. A secret in it is a validation error.
	UserData string `yaml:"userData,omitempty" json:"userData,omitempty"`
}

// Volume is a data disk with a file system on it.
type Volume struct {
	Name       string `yaml:"name" json:"name"`
	Size       Size   `yaml:"size" json:"size"`
	Datastore  string `yaml:"datastore,omitempty" json:"datastore,omitempty"`
	Filesystem string `yaml:"filesystem,omitempty" json:"filesystem,omitempty"` // ext4 (default) or xfs.
	Mount      string `yaml:"mount" json:"mount"`
	Owner      string `yaml:"owner,omitempty" json:"owner,omitempty"` // "user" or "user:group" of the mount point.
	Mode       string `yaml:"mode,omitempty" json:"mode,omitempty"`   // Octal, of the mount point: "0755".
}

// OS is the configuration of the operating system.
type OS struct {
	Timezone string    `yaml:"timezone,omitempty" json:"timezone,omitempty"`
	Packages []string  `yaml:"packages,omitempty" json:"packages,omitempty"` // "name" or "name=version".
	Users    []User    `yaml:"users,omitempty" json:"users,omitempty"`
	Files    []File    `yaml:"files,omitempty" json:"files,omitempty"`
	Services []Service `yaml:"services,omitempty" json:"services,omitempty"`
}

// User is a local account without a password: for a service, or for a person's keys.
type User struct {
	Name   string `yaml:"name" json:"name"`
	System bool   `yaml:"system,omitempty" json:"system,omitempty"`
	Home   string `yaml:"home,omitempty" json:"home,omitempty"`
	Shell  string `yaml:"shell,omitempty" json:"shell,omitempty"` // /usr/sbin/nologin if absent.
}

// File is a file on the guest. Exactly one of Content and Secret is given.
type File struct {
	Path    string `yaml:"path" json:"path"`
	Content string `yaml:"content,omitempty" json:"content,omitempty"`
	Secret  string `yaml:"secret,omitempty" json:"secret,omitempty"` // secret://provider/name.
	Owner   string `yaml:"owner,omitempty" json:"owner,omitempty"`   // "user" or "user:group"; root if absent.
	Mode    string `yaml:"mode,omitempty" json:"mode,omitempty"`     // Octal; 0644, with a secret 0600.
}

// Service is a system service and the state it should be in.
type Service struct {
	Name    string `yaml:"name" json:"name"`
	Enabled *bool  `yaml:"enabled,omitempty" json:"enabled,omitempty"` // true if absent.
	State   string `yaml:"state,omitempty" json:"state,omitempty"`     // running (default) or stopped.
}

// Application is one application from a repository: a package, or an archive with its checksum.
type Application struct {
	Package *Package `yaml:"package,omitempty" json:"package,omitempty"`
	Archive *Archive `yaml:"archive,omitempty" json:"archive,omitempty"`
	// Config files; in Content, {{ .Name }}, {{ .Address }}, {{ .Domain }} and {{ .Port }} are replaced (text/template).
	Config  []File `yaml:"config,omitempty" json:"config,omitempty"`
	Service string `yaml:"service,omitempty" json:"service,omitempty"`
	Health  Health `yaml:"health" json:"health"`
}

// Package is an exact version of a Debian package, and the repository it comes from.
type Package struct {
	Name       string      `yaml:"name" json:"name"`
	Version    string      `yaml:"version" json:"version"`
	Repository *Repository `yaml:"repository,omitempty" json:"repository,omitempty"` // Absent: the repositories the template knows.
}

// Repository is a signed apt repository (sources.list(5), deb822 style).
type Repository struct {
	URI        string   `yaml:"uri" json:"uri"`
	Suite      string   `yaml:"suite" json:"suite"`
	Components []string `yaml:"components,omitempty" json:"components,omitempty"`
	Key        string   `yaml:"key" json:"key"` // The repository's public key, armored.
}

// Archive is a tar archive over HTTP(S) with its checksum.
type Archive struct {
	URL    string `yaml:"url" json:"url"`
	SHA256 string `yaml:"sha256" json:"sha256"`
	Into   string `yaml:"into" json:"into"` // Folder that it is unpacked into.
}

// Health is the endpoint that tells whether the application works.
type Health struct {
	Port     int    `yaml:"port" json:"port"`
	Path     string `yaml:"path,omitempty" json:"path,omitempty"`     // "/" if absent.
	Status   int    `yaml:"status,omitempty" json:"status,omitempty"` // 200 if absent.
	Contains string `yaml:"contains,omitempty" json:"contains,omitempty"`
}

// Rule lets traffic to the server pass the firewall. What no rule allows stays as it was.
type Rule struct {
	Name     string   `yaml:"name" json:"name"`
	System   string   `yaml:"system,omitempty" json:"system,omitempty"`     // Name of the firewall in the configuration; empty: the only one.
	From     []string `yaml:"from" json:"from"`                             // CIDRs.
	Protocol string   `yaml:"protocol,omitempty" json:"protocol,omitempty"` // tcp (default) or udp.
	Port     int      `yaml:"port" json:"port"`
}

// LoadBalancer puts the server into a pool.
type LoadBalancer struct {
	System  string `yaml:"system,omitempty" json:"system,omitempty"` // Name of the balancer in the configuration; empty: the only one.
	Backend string `yaml:"backend" json:"backend"`
	Port    int    `yaml:"port" json:"port"` // The server's port that takes the traffic.
	Weight  int    `yaml:"weight,omitempty" json:"weight,omitempty"`
	// Verify is a URL as a user would ask it, through the balancer: the run ends well only if it answers.
	Verify         string `yaml:"verify" json:"verify"`
	VerifyContains string `yaml:"verifyContains,omitempty" json:"verifyContains,omitempty"`
}

// Ticket is the change ticket that tells the story.
type Ticket struct {
	System  string `yaml:"system,omitempty" json:"system,omitempty"`
	Queue   string `yaml:"queue" json:"queue"`
	Subject string `yaml:"subject,omitempty" json:"subject,omitempty"`
}

// RunPolicy is how the run behaves when something goes wrong or nobody answers.
type RunPolicy struct {
	OnFailure        string   `yaml:"onFailure,omitempty" json:"onFailure,omitempty"`               // hold (default) or undo.
	ApprovalDeadline Duration `yaml:"approvalDeadline,omitempty" json:"approvalDeadline,omitempty"` // 72h if absent.
	RetryFor         Duration `yaml:"retryFor,omitempty" json:"retryFor,omitempty"`                 // How long a step is retried before it is held; 1h if absent.
	Grace            Duration `yaml:"grace,omitempty" json:"grace,omitempty"`                       // How long a decommissioned server is kept; 168h if absent.
}

// What a run does with a step that failed for good.
const (
	OnFailureHold = "hold"
	OnFailureUndo = "undo"
)
