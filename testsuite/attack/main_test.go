// Package attack sends decisions that must not count to runs on a real Temporal server, on every path that there is: the command
// line, the raw update, the raw signal. Each must be answered, recorded and without effect; then good ones are accepted.
package attack

import (
	"flag"
	"io"
	"log"
	"os"
	"strconv"
	"testing"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)           // The simulator of vCenter writes to it.
	_ = os.Unsetenv("SSH_AUTH_SOCK")    // The keys of who runs the tests are not asked.
	_ = os.Setenv("FERMATA_PERSON", "") // Nor is who that is.
	// The runs wait for each other's turn at the systems most of the time, so more of them go on at once than there are processors.
	flag.Parse()
	atOnce := flag.Lookup("test.parallel")
	if n, err := strconv.Atoi(atOnce.Value.String()); err == nil && n < 6 {
		_ = atOnce.Value.Set("6")
	}
	os.Exit(m.Run())
}
