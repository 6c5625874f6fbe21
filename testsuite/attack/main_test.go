// Package attack sends decisions that must not count to runs on a real Temporal server, on every path that there is: the command
// line, the raw update, the raw signal. Each must be answered, recorded and without effect; then good ones are accepted.
package attack

import (
	"io"
	"log"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)           // The simulator of vCenter writes to it.
	_ = os.Unsetenv("SSH_AUTH_SOCK")    // The keys of who runs the tests are not asked.
	_ = os.Setenv("FERMATA_PERSON", "") // Nor is who that is.
	os.Exit(m.Run())
}
