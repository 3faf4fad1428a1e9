//go:build !soak

package store

// bends is about how many places of a write-ahead log TestBentLogIsFound bends.
const bends = 60
