//go:build !unix

package guest

// Sys has nothing to tell here.
func (i *info) Sys() any { return nil }
