package haproxy

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Version is the release whose words the emulator uses.
const Version = "2.6.12-1+deb12u4"

// Check judges one configuration file as "haproxy -c -f name" does: its output (on the error output unless exit is 0) and
// its exit status.
func Check(name string, config []byte) (output string, exit int) {
	return check([]File{{Name: name, Data: config}})
}

func check(files []File) (string, int) {
	s, messages := parse(files)
	var out bytes.Buffer
	failed := false
	for _, m := range messages {
		failed = failed || m.level == "ALERT"
	}
	if failed {
		fmt.Fprintf(&out, "[NOTICE]   (1) : haproxy version is %s\n[NOTICE]   (1) : path to executable is /usr/sbin/haproxy\n", Version)
	}
	for _, m := range messages {
		fmt.Fprintf(&out, "[%s]%s(1) : %s\n", m.level, strings.Repeat(" ", 9-len(m.level)), m.text)
	}
	if failed {
		return out.String(), 1
	}
	if len(s.frontends) == 0 {
		return out.String() + "Configuration file has no error but will not start (no listener) => exit(2).\n", 2
	}
	return out.String() + "Configuration file is valid\n", 0
}

// Command is the haproxy program as far as a driver uses it: "-c -f FILE ..." checks, "-v" tells the version. args are
// without the program's name; readFile reads files of the host it runs on.
func Command(args []string, readFile func(string) ([]byte, error), stdout, stderr io.Writer) int {
	var files []File
	checking := false
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-v":
			fmt.Fprintf(stdout, "HAProxy version %s 2026/10/17 - https://haproxy.org/\n", Version)
			return 0
		case "-c":
			checking = true
		case "-q", "--", "-V":
		case "-f":
			if i+1 == len(args) {
				return usage(stderr)
			}
			i++
			data, err := readFile(args[i])
			if err != nil {
				fmt.Fprintf(stderr, "[NOTICE]   (1) : haproxy version is %s\n[ALERT]    (1) : config : Cannot open configuration file/directory %s : No such file or directory\n", Version, args[i])
				return 1
			}
			files = append(files, File{args[i], data})
		default:
			return usage(stderr)
		}
	}
	if !checking || len(files) == 0 {
		return usage(stderr)
	}
	output, exit := check(files)
	if exit == 0 {
		fmt.Fprint(stdout, output)
	} else {
		fmt.Fprint(stderr, output)
	}
	return exit
}

func usage(stderr io.Writer) int {
	fmt.Fprintln(stderr, "Usage : haproxy -c -f <cfgfile> [ -f <cfgfile> ]*   (the emulated balancer knows only the check)")
	return 1
}
