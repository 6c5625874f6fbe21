package spec

// Size is an amount of memory or storage in bytes; documents write it with a binary unit: 4GiB, 512MiB.
type Size int64

// Binary units.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

// Duration is a length of time; documents write it as Go does: 90s, 72h, 1h30m.
type Duration int64
