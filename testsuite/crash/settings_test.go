package crash

import (
	"os"
	"strconv"
	"time"
)

// What an environment variable can change, for machines that are slower or faster.
var (
	// patience is how long one run may take, whatever is killed.
	patience = setting("FERMATA_CRASH_PATIENCE", 4*time.Minute, time.ParseDuration)
	// silence is how long a worker may be silent before its step is given to another. Users have 15 seconds.
	silence = setting("FERMATA_CRASH_SILENCE", 3*time.Second, time.ParseDuration)
	// atOnce is how many points a run of the short form meets.
	atOnce = setting("FERMATA_CRASH_AT_ONCE", 2, strconv.Atoi)
	// sideBySide is how many servers and instances are carried at the same time.
	sideBySide = setting("FERMATA_CRASH_SIDE_BY_SIDE", 16, strconv.Atoi)
	// meantBy names the processes that the long form meets, by how they begin; empty: all.
	meantBy = os.Getenv("FERMATA_CRASH_PROCESSES")
	// report is a file that the tables are also written to, as Markdown; empty: none.
	report = os.Getenv("FERMATA_CRASH_REPORT")
	// kept is a folder for the processes' logs that outlives the test; empty: none.
	kept = os.Getenv("FERMATA_CRASH_LOGS")
)

// setting reads a variable. One that cannot be read stops the suite: it was meant to be something else.
func setting[T any](name string, otherwise T, parse func(string) (T, error)) T {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := parse(text)
	if err != nil {
		panic(name + ": " + err.Error())
	}
	return value
}
