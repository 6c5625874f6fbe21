package worker

import (
	"cmp"

	sdk "go.temporal.io/sdk/worker"

	built "fermata/build"
)

// deployment is what Temporal calls all workers of Fermata together.
const deployment = "fermata"

// build is the linker's to set: -ldflags '-X fermata/worker.build=NAME'. It tells two builds of one commit apart.
var build string

// Build names the build that this worker is of: what the linker was told, else the commit that it was built from, with
// "-modified" if files differed from it, else the module's version. It is empty where nobody knows, as in a test.
func Build() string { return cmp.Or(build, built.Of().ID()) }

// version is what --version says: the name that the linker was told stands before what the go command stamped.
func version() string {
	i := built.Of()
	if build != "" {
		i.Version = build
	}
	return i.String()
}

// deploymentOptions tell Temporal the build, for people who look which builds poll a queue or carried a run.
//
// They do not ask for its worker versioning: a versioned worker gets no task until somebody makes its version the current
// one, so that a plain start, a crash or a worker at another site would leave runs waiting. Every run goes on with
// whatever build polls (what Temporal calls AutoUpgrade), so a build must replay what older ones began: workflow.GetVersion,
// recorded histories and the upgrade gate see to that.
func deploymentOptions() sdk.DeploymentOptions {
	b := Build()
	if b == "" {
		return sdk.DeploymentOptions{} // Temporal's SDK then takes the checksum of the binary.
	}
	return sdk.DeploymentOptions{Version: sdk.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: b}}
}
