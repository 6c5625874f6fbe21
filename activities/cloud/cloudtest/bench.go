// Package cloudtest proves that a driver keeps the promises of the cloud port, on an emulated cloud and on a real one alike.
// What it believes it counts in the cloud itself, never through the driver.
package cloudtest

import (
	"testing"
	"time"

	"fermata/activities/cloud"
)

// Call is something that a cloud is asked to do, and that a bench can disturb.
type Call string

// The calls that change something.
const (
	MakeGroup      Call = "make group"
	RemoveGroup    Call = "remove group"
	MakeInstance   Call = "make instance"
	RemoveInstance Call = "remove instance"
	StopInstance   Call = "stop instance"
	StartInstance  Call = "start instance"
	MakeVolume     Call = "make volume"
	AttachVolume   Call = "attach volume"
	DetachVolume   Call = "detach volume"
	RemoveVolume   Call = "remove volume"
	TakeAddress    Call = "take address"
	GiveBack       Call = "give back address"
)

// Resource is what a quota counts.
type Resource string

// The resources.
const (
	Instances Resource = "instances"
	Groups    Resource = "groups"
	Volumes   Resource = "volumes"
	Addresses Resource = "addresses"
)

// Counted is what is in the cloud, whoever made it.
type Counted struct {
	Instances, Groups, Disks, Addresses int
	// Others are what a driver makes beside these: ports, network interfaces. There is one for an instance at most.
	Others int
}

// Site is a cloud that starts empty, and hands that reach around the driver. On a real cloud a hand may be missing; the cases
// that need it are skipped there, and fail on an emulated one.
type Site struct {
	// Emulated says that no hand may be missing.
	Emulated bool
	// Names exist: image, flavour, network, and a public pool, a zone and a key pair if the cloud has them.
	Names cloud.PlanRequest
	// FreeAddresses are two of the network.
	FreeAddresses [2]string
	// NoSuch are ids of the cloud's form that nothing has.
	NoSuch cloud.Placement
	// NoInstance is an instance's id of the cloud's form that nothing has.
	NoInstance string
	// HasVolumes and HostKeys tell whether the cloud makes volumes, and whether the console tells host keys.
	HasVolumes, HostKeys bool

	// Open returns a driver, each time with a session of its own: another worker.
	Open func(t *testing.T) cloud.Cloud
	// OpenWrong returns a driver whose credential is refused. Secret is what stands in it and must stand in no error.
	OpenWrong func(t *testing.T) cloud.Cloud
	Secret    string
	// Count counts without the driver.
	Count func(t *testing.T) Counted
	// Ingress lists the rules of a security group that let something in, Egress whether it lets everything out.
	Ingress func(t *testing.T, groupID string) []string
	Egress  func(t *testing.T, groupID string) bool
	// UserData and Tags are what the instance was made with; Groups are the ids of those that it is in.
	UserData func(t *testing.T, instanceID string) string
	Tags     func(t *testing.T, instanceID string) map[string]string
	GroupsOf func(t *testing.T, instanceID string) []string
	// Leads tells where a public address leads to: an instance's id; empty: nowhere.
	Leads func(t *testing.T, address string) string
	// Foreign makes a running instance of that name behind the driver's back; it carries no key.
	Foreign func(t *testing.T, name string) (id string)
	// Twin makes a second image of the name that Names has.
	Twin func(t *testing.T)

	// Lose carries out the next such call and loses its answer.
	Lose func(call Call)
	// Throttle refuses the next change and returns how long it asks to wait. A driver may not hide that by trying again.
	Throttle func() time.Duration
	// Storm throttles every n-th call from now on and loses every m-th answer.
	Storm func(throttleEvery, loseEvery int)
	// Delay makes such calls take a while.
	Delay func(call Call, d time.Duration)
	// Fill uses up a quota.
	Fill func(t *testing.T, r Resource)
	// GiveUp lets the cloud give up on the next instance.
	GiveUp func()
	// Expire ends all sessions; nil on an emulated cloud: it has none.
	Expire func()
	// Down takes the cloud away, or brings it back.
	Down func(down bool)
}

// Bench opens sites.
type Bench struct {
	Open func(t *testing.T) Site
	// Serial runs one case after another: for a cloud that one machine carries.
	Serial bool
}

// Run runs the suite.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for _, cases := range []map[string]func(*rig){positive(), lost(), negative()} {
		for name, test := range cases {
			t.Run(name, func(t *testing.T) {
				if !bench.Serial {
					t.Parallel()
				}
				test(setup(t, bench))
			})
		}
	}
}
