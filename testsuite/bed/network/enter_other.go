//go:build !linux

package network

import "errors"

func enter(string) error { return errors.New("network namespaces need Linux") }
