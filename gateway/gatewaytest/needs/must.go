//go:build soak

package needs

const fails = true
