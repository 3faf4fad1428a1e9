//go:build soak

package store

// bends is how many places of a write-ahead log TestBentLogIsFound bends: each that it knows.
const bends = 1 << 30
