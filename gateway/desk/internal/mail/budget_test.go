//go:build !soak

package mail_test

// How much the property test plays: so many games, of so many steps each.
const games, steps = 25, 100
