//go:build linux && !soak

package smalldisk

const mustMount = false
