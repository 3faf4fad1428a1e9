// Package work says how much work a passphrase costs whoever tries one on a key file.
//
// It is internal to gateway, so no program can name another factor than the true one, by
// a flag or by mistake. Package gatewaytest can: the passphrase of its desks is published,
// and the work would protect nothing.
package work

// A Factor is the work factor of scrypt. The zero Factor is the true one: 2^18, about a
// second on a desk's machine.
type Factor struct{ less int }

// Light takes no time worth naming, and protects nothing.
var Light = Factor{less: 10}

// Log is the binary logarithm of the factor, as scrypt counts.
func (f Factor) Log() int { return 18 - f.less }
