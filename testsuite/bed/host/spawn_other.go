//go:build !linux

package host

import (
	"errors"
	"os/exec"
	"syscall"
)

// Elsewhere the bed does not run; it only has to compile.
var errElsewhere = errors.New("the test bed needs Linux")

func spawn(*exec.Cmd, string) error { return errElsewhere }

func attributes(*syscall.Credential, bool) *syscall.SysProcAttr { return nil }

func account(string) (*syscall.Credential, string, error) { return nil, "", errElsewhere }
