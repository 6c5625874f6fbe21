package computetest

import "testing"

// Run runs the suite.
func Run(t *testing.T, bench Bench) {
	cases := []struct {
		name string
		run  func(*testing.T, Bench)
	}{
		{"a machine's life", life},
		{"the plan names what is in the way", planFinds},
		{"the same key makes one machine", sameKey},
		{"two attempts at once make one machine", concurrent},
		{"a half-made machine is finished", halfMade},
		{"the same key makes one disk", sameDisk},
		{"disks added at once get places of their own", concurrentDisks},
		{"retire and restore", retireRestore},
		{"powering on what is on", alreadyOn},
		{"a session that ended is renewed", sessionEnds},
		{"resizing what is off", resizeOff},
		{"resizing what is on", resizeOn},
		{"growing a disk", growDisk},
		{"removing twice", removeTwice},
		{"the platform comes back", comesBack},

		{"a lost answer to clone", lostClone},
		{"a lost answer to configure", lostConfigure},
		{"a lost answer to power on", lostPowerOn},
		{"a lost answer to a disk", lostDisk},
		{"a lost answer to destroy", lostDestroy},
		{"a lost answer to rename", lostRename},
		{"a lost answer to growing a disk", lostGrowth},
		{"growth that is refused", refusedGrowth},
		{"a task in flight is waited for", inFlight},
		{"a task in flight that nobody remembers", inFlightUnknown},
		{"a cancelled attempt leaves nothing running", cancelled},
		{"a zombie does not act", zombie},
		{"a foreign machine of the name", foreign},
		{"another run's machine stays", otherRun},
		{"another owner's machine stays", otherOwner},
		{"a wrong password", wrongPassword},
		{"names that do not exist", unknownNames},
		{"sizes that cannot be", badSizes},
		{"a guest that says nothing", silentGuest},
		{"a machine that does not exist", noMachine},
		{"a name that is taken on retiring", nameTaken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, bench)
		})
	}
}
