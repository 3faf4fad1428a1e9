//go:build !soak

package needs

const fails = false
