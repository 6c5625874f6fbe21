package spec

// Server is the document that describes one virtual server: what it is made from, what it holds and who may reach it.
type Server struct {
	APIVersion string     `yaml:"apiVersion" json:"apiVersion"` // Version of the document's form: fermata/v1.
	Kind       string     `yaml:"kind" json:"kind"`             // What the document describes: Server.
	Metadata   Metadata   `yaml:"metadata" json:"metadata"`     // Names the server.
	Spec       ServerSpec `yaml:"spec" json:"spec"`             // What the server should be.
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
	Compute Compute  `yaml:"compute" json:"compute"`                     // Where the machine runs and how large it is.
	Network Network  `yaml:"network" json:"network"`                     // The machine's first address.
	Access  Access   `yaml:"access" json:"access"`                       // How the worker reaches the guest.
	Storage []Volume `yaml:"storage,omitempty" json:"storage,omitempty"` // Data disks with a file system on each; a mount inside another comes after it.
	OS      OS       `yaml:"os,omitempty" json:"os,omitzero"`            // Configuration of the operating system.
	// Configuration is the playbooks that are run on the server, one after the other.
	Configuration []Play        `yaml:"configuration,omitempty" json:"configuration,omitempty"`
	Application   *Application  `yaml:"application,omitempty" json:"application,omitempty"`   // The application: a package or an archive.
	Firewall      []Rule        `yaml:"firewall,omitempty" json:"firewall,omitempty"`         // Rules that let traffic to the server pass.
	LoadBalancer  *LoadBalancer `yaml:"loadBalancer,omitempty" json:"loadBalancer,omitempty"` // The pool that the server joins.
	DNS           *DNS          `yaml:"dns,omitempty" json:"dns,omitempty"`                   // The server's name in DNS.
	Ticket        *Ticket       `yaml:"ticket,omitempty" json:"ticket,omitempty"`             // The change ticket.
	Inventory     *Inventory    `yaml:"inventory,omitempty" json:"inventory,omitempty"`       // The configuration item in the CMDB.
	Run           RunPolicy     `yaml:"run,omitempty" json:"run,omitzero"`                    // How the run behaves when something goes wrong or nobody answers.
}

// Compute says where the machine runs and how large it is.
type Compute struct {
	System        string   `yaml:"system,omitempty" json:"system,omitempty"`         // Name of the platform in the configuration; empty: the only one.
	Template      string   `yaml:"template" json:"template"`                         // Name or inventory path of the template.
	Datacenter    string   `yaml:"datacenter,omitempty" json:"datacenter,omitempty"` // Name or inventory path of the datacenter; empty: the only one.
	Folder        string   `yaml:"folder,omitempty" json:"folder,omitempty"`         // Folder of virtual machines; empty: the datacenter's root folder.
	Pool          string   `yaml:"pool,omitempty" json:"pool,omitempty"`             // Resource pool, or a cluster whose root pool is meant.
	Datastore     string   `yaml:"datastore,omitempty" json:"datastore,omitempty"`   // Datastore of the machine and, unless they name another, of its volumes; empty: the template's.
	Network       string   `yaml:"network" json:"network"`                           // Port group that the first adapter is connected to.
	CPUs          int      `yaml:"cpus" json:"cpus"`                                 // Number of virtual CPUs, 1 to 768.
	Memory        Size     `yaml:"memory" json:"memory"`                             // Memory, a multiple of 4MiB and at least 256MiB.
	Customization string   `yaml:"customization" json:"customization"`               // cloud-init or vmware: the one owner of host name and network.
	Annotation    string   `yaml:"annotation,omitempty" json:"annotation,omitempty"` // Notes that people see on the machine.
	Tags          []string `yaml:"tags,omitempty" json:"tags,omitempty"`             // "category/tag"; they must exist.
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
	Address     string   `yaml:"address,omitempty" json:"address,omitempty"`         // Address with the length of its network's prefix: 10.20.0.11/24. Either this or range.
	Range       string   `yaml:"range,omitempty" json:"range,omitempty"`             // Name of a range of the installation that a free address is taken from. Either this or address.
	Gateway     string   `yaml:"gateway,omitempty" json:"gateway,omitempty"`         // Default gateway, inside the address's network.
	Nameservers []string `yaml:"nameservers,omitempty" json:"nameservers,omitempty"` // Addresses of the DNS servers, the first asked first.
	Domain      string   `yaml:"domain,omitempty" json:"domain,omitempty"`           // DNS domain of the host name: estate.test.
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
	Name       string `yaml:"name" json:"name"`                                 // Name of the volume, unique in the server.
	Size       Size   `yaml:"size" json:"size"`                                 // Size, a multiple of 1MiB and at least 1GiB.
	Datastore  string `yaml:"datastore,omitempty" json:"datastore,omitempty"`   // Datastore of the disk; empty: the machine's.
	Filesystem string `yaml:"filesystem,omitempty" json:"filesystem,omitempty"` // ext4 (default) or xfs.
	Mount      string `yaml:"mount" json:"mount"`                               // Mount point, an absolute path that is not the operating system's.
	Owner      string `yaml:"owner,omitempty" json:"owner,omitempty"`           // "user" or "user:group" of the mount point; root if absent.
	Mode       string `yaml:"mode,omitempty" json:"mode,omitempty"`             // Octal mode of the mount point; "0755" if absent.
}

// OS is the configuration of the operating system.
type OS struct {
	Timezone string    `yaml:"timezone,omitempty" json:"timezone,omitempty"` // Time zone: Europe/Berlin.
	Packages []string  `yaml:"packages,omitempty" json:"packages,omitempty"` // "name" or "name=version".
	Users    []User    `yaml:"users,omitempty" json:"users,omitempty"`       // Local accounts; made before mount points and files get their owners.
	Files    []File    `yaml:"files,omitempty" json:"files,omitempty"`       // Files that are written as given.
	Services []Service `yaml:"services,omitempty" json:"services,omitempty"` // System services and the state they should be in.
}

// User is a local account without a password: for a service, or for a person's keys.
type User struct {
	Name   string `yaml:"name" json:"name"`                         // Name of the account.
	System bool   `yaml:"system,omitempty" json:"system,omitempty"` // true: a system account (useradd --system).
	Home   string `yaml:"home,omitempty" json:"home,omitempty"`     // Home folder; that of useradd if absent.
	Shell  string `yaml:"shell,omitempty" json:"shell,omitempty"`   // /usr/sbin/nologin if absent.
}

// File is a file on the guest. Exactly one of Content and Secret is given.
type File struct {
	Path    string `yaml:"path" json:"path"`                           // Absolute path of the file.
	Content string `yaml:"content,omitempty" json:"content,omitempty"` // The file's text. It holds no secret.
	Secret  string `yaml:"secret,omitempty" json:"secret,omitempty"`   // Reference to the secret that is the file's content: secret://provider/name.
	Owner   string `yaml:"owner,omitempty" json:"owner,omitempty"`     // "user" or "user:group"; root if absent.
	Mode    string `yaml:"mode,omitempty" json:"mode,omitempty"`       // Octal; 0644, with a secret 0600.
}

// Service is a system service and the state it should be in.
type Service struct {
	Name    string `yaml:"name" json:"name"`                           // Name of the service: nginx, or nginx.service.
	Enabled *bool  `yaml:"enabled,omitempty" json:"enabled,omitempty"` // Whether it starts with the machine; true if absent.
	State   string `yaml:"state,omitempty" json:"state,omitempty"`     // running (default) or stopped.
}

// Application is one application from a repository: a package, or an archive with its checksum.
type Application struct {
	Package *Package `yaml:"package,omitempty" json:"package,omitempty"` // An exact version of a Debian package. Either this or archive.
	Archive *Archive `yaml:"archive,omitempty" json:"archive,omitempty"` // An archive with its checksum. Either this or package.
	// Config files; in content, {{ .Name }}, {{ .Address }}, {{ .Domain }} and {{ .Port }} are replaced (text/template).
	Config  []File `yaml:"config,omitempty" json:"config,omitempty"`
	Service string `yaml:"service,omitempty" json:"service,omitempty"` // Service that is started, and restarted when a configuration file changes.
	Health  Health `yaml:"health" json:"health"`                       // Endpoint on the server that tells whether the application works.
}

// Package is an exact version of a Debian package, and the repository it comes from.
type Package struct {
	Name       string      `yaml:"name" json:"name"`                                 // Name of the package.
	Version    string      `yaml:"version" json:"version"`                           // The exact version: 1.2.0-1.
	Repository *Repository `yaml:"repository,omitempty" json:"repository,omitempty"` // Absent: the repositories the template knows.
}

// Repository is a signed apt repository (sources.list(5), deb822 style).
type Repository struct {
	URI        string   `yaml:"uri" json:"uri"`                                   // Where the repository is, over http or https: packages are signed.
	Suite      string   `yaml:"suite" json:"suite"`                               // Suite: stable. One that ends in "/" is a flat repository without components.
	Components []string `yaml:"components,omitempty" json:"components,omitempty"` // Components; main if absent.
	Key        string   `yaml:"key" json:"key"`                                   // The repository's public key, armored.
}

// Archive is a tar archive over HTTP(S) with its checksum.
type Archive struct {
	URL    string `yaml:"url" json:"url"`       // Where the archive is, over http or https.
	SHA256 string `yaml:"sha256" json:"sha256"` // SHA-256 of the archive, 64 hexadecimal digits.
	Into   string `yaml:"into" json:"into"`     // Folder that it is unpacked into.
}

// Health is the endpoint that tells whether the application works.
type Health struct {
	System   string `yaml:"system,omitempty" json:"system,omitempty"`     // Name of the prober that asks; empty: the only one.
	Port     int    `yaml:"port" json:"port"`                             // TCP port that the application listens on.
	Path     string `yaml:"path,omitempty" json:"path,omitempty"`         // Path that is asked; "/" if absent.
	Status   int    `yaml:"status,omitempty" json:"status,omitempty"`     // Expected HTTP status; 200 if absent.
	Contains string `yaml:"contains,omitempty" json:"contains,omitempty"` // Text that the answer must hold.
}

// Rule lets traffic to the server pass the firewall. What no rule allows stays as it was.
type Rule struct {
	Name     string   `yaml:"name" json:"name"`                             // Name of the rule, unique in the server: lb-to-web.
	System   string   `yaml:"system,omitempty" json:"system,omitempty"`     // Name of the firewall in the configuration; empty: the only one.
	From     []string `yaml:"from" json:"from"`                             // Networks that may send (CIDR): 10.10.0.5/32.
	Protocol string   `yaml:"protocol,omitempty" json:"protocol,omitempty"` // tcp (default) or udp.
	Port     int      `yaml:"port" json:"port"`                             // The server's port.
}

// LoadBalancer puts the server into a pool.
type LoadBalancer struct {
	System  string `yaml:"system,omitempty" json:"system,omitempty"` // Name of the balancer in the configuration; empty: the only one.
	Backend string `yaml:"backend" json:"backend"`                   // Name of the pool.
	Port    int    `yaml:"port" json:"port"`                         // The server's port that takes the traffic.
	Weight  int    `yaml:"weight,omitempty" json:"weight,omitempty"` // Share of the traffic, 1 to 256; 1 if absent.
	// Verify is a URL as a user would ask it, through the balancer: the run ends well only if it answers.
	Verify         string `yaml:"verify" json:"verify"`
	VerifyContains string `yaml:"verifyContains,omitempty" json:"verifyContains,omitempty"` // Text that the answer must hold.
	// VerifySystem is the name of the prober that asks, from where users are; empty: the only one.
	VerifySystem string `yaml:"verifySystem,omitempty" json:"verifySystem,omitempty"`
}

// DNS publishes the server's name: an address record, and the reverse record that leads back to the name.
type DNS struct {
	System string   `yaml:"system,omitempty" json:"system,omitempty"` // Name of the DNS server in the configuration; empty: the only one.
	Zone   string   `yaml:"zone,omitempty" json:"zone,omitempty"`     // Zone that the name is kept in; network.domain if absent. The domain is the zone or below it.
	TTL    Duration `yaml:"ttl,omitempty" json:"ttl,omitempty"`       // How long resolvers keep the records, 1s to 168h in whole seconds; 5m if absent.
	// Reverse tells whether the address leads back to the name (PTR); true if absent.
	Reverse *bool `yaml:"reverse,omitempty" json:"reverse,omitempty"`
	// ReverseZone is the zone of the reverse record; if absent that of the address's network, at the next whole octet (IPv4) or digit (IPv6).
	ReverseZone string `yaml:"reverseZone,omitempty" json:"reverseZone,omitempty"`
}

// Ticket is the change ticket that tells the story.
type Ticket struct {
	System  string `yaml:"system,omitempty" json:"system,omitempty"`   // Name of the ticket system in the configuration; empty: the only one.
	Queue   string `yaml:"queue" json:"queue"`                         // Queue that the ticket is opened in.
	Subject string `yaml:"subject,omitempty" json:"subject,omitempty"` // Subject of the ticket; made from the server's name if absent.
}

// Inventory is the configuration item that stands for the server in a configuration management database (CMDB).
type Inventory struct {
	System string `yaml:"system,omitempty" json:"system,omitempty"` // Name of the CMDB in the configuration; empty: the only one.
	Class  string `yaml:"class,omitempty" json:"class,omitempty"`   // Class of the item, in the CMDB's own words: cmdb_ci_linux_server; that of the configuration if absent.
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
