package guest

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/expand"
)

// Variables behind $$, $PPID and umask.
const (
	pidVariable   = "FERMATA_PID"
	ppidVariable  = "FERMATA_PPID"
	umaskVariable = "FERMATA_UMASK"
)

// nowhere is a folder that exists on no machine, because /dev/null is a file. The interpreter makes the pipes of process
// substitution in its temporary folder with real system calls: with this one they fail, always.
const nowhere = "/dev/null/fermata"

// environ is the shell's environment. It answers what the interpreter would otherwise ask the real machine for.
type environ struct {
	vars   map[string]string
	homes  func(user string) (string, bool)
	uid    account
	pid    int
	umask  uint32
	sealed bool // The interpreter has read its temporary folder.
}

// Get implements expand.Environ.
func (e *environ) Get(name string) expand.Variable {
	if user, ok := strings.CutPrefix(name, "HOME "); ok { // How the expansion of ~user asks before it asks the host.
		if home, known := e.homes(user); known {
			return variable(home)
		}
		return variable("~" + user)
	}
	switch name {
	case "TMPDIR":
		if !e.sealed {
			return variable(nowhere)
		}
	case "UID", "EUID":
		return variable(strconv.Itoa(e.uid.uid))
	case "GID":
		return variable(strconv.Itoa(e.uid.gid))
	case pidVariable:
		return variable(strconv.Itoa(e.pid))
	case ppidVariable:
		return variable("1")
	case umaskVariable:
		return variable(strconv.FormatUint(uint64(e.umask), 8))
	}
	if value, ok := e.vars[name]; ok {
		v := variable(value)
		v.Exported = true
		return v
	}
	return expand.Variable{}
}

// Each implements expand.Environ: the exported variables.
func (e *environ) Each(do func(name string, v expand.Variable) bool) {
	for name := range e.vars {
		if !do(name, e.Get(name)) {
			return
		}
	}
}

func variable(value string) expand.Variable {
	return expand.Variable{Set: true, Kind: expand.String, Str: value}
}

// exported lists what a command inherits.
func exported(env expand.Environ) map[string]string {
	vars := map[string]string{}
	env.Each(func(name string, v expand.Variable) bool {
		if !v.IsSet() {
			delete(vars, name)
		} else if v.Exported && v.Kind == expand.String {
			vars[name] = v.Str
		}
		return true
	})
	return vars
}

func umaskOf(env expand.Environ) uint32 {
	mask, err := strconv.ParseUint(env.Get(umaskVariable).String(), 8, 12)
	if err != nil {
		return 0o022
	}
	return uint32(mask)
}

// lockedBuffer takes writes of several goroutines.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
