package register

import (
	"bytes"
	"fmt"
	"slices"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// seen is every key that ever stood in the register. A key that signs or connects
// enters it once: not under another name, not for another use, not again after it was
// dropped. Nor does a second key with a name and key hash that are taken, since signature
// lines find keys by these. An opening key signs nothing, and its owner can't prove it,
// so one of another desk's is none of a desk's concern: it is compared with the same
// desk's alone.
type seen map[string]bool

func names(k *signed.PublicKey) []string {
	return []string{
		string(k.Algorithm) + " " + string(k.Bytes),
		fmt.Sprintf("%s+%08x", k.Name, k.KeyHash()),
	}
}

// fresh refuses keys of which one was seen, or that stand there twice.
func (s seen) fresh(keys ...*signed.PublicKey) error {
	here := seen{}
	for _, k := range keys {
		for _, n := range names(k) {
			if s[n] || here[n] {
				return problem.New(problem.KeyReused, "the %s key of %s was in the register before", k.Algorithm, k.Name)
			}
		}
		here.note(k)
	}
	return nil
}

func (s seen) note(keys ...*signed.PublicKey) {
	for _, k := range keys {
		for _, n := range names(k) {
			s[n] = true
		}
	}
}

// add is fresh, then note.
func (s seen) add(keys ...*signed.PublicKey) error {
	if err := s.fresh(keys...); err != nil {
		return err
	}
	s.note(keys...)
	return nil
}

func (s seen) freshTLS(key signed.Hash) error {
	if s[tlsName(key)] {
		return problem.New(problem.KeyReused, "the TLS key was in the register before")
	}
	return nil
}

func (s seen) noteTLS(key signed.Hash) { s[tlsName(key)] = true }

func tlsName(key signed.Hash) string { return "tls " + string(key[:]) }

func (s seen) freshOpening(desk signed.Address, key string) error {
	if s[openingName(desk, key)] {
		return problem.New(problem.KeyReused, "%s had this opening key before", desk)
	}
	return nil
}

func (s seen) noteOpening(desk signed.Address, key string) { s[openingName(desk, key)] = true }

func openingName(desk signed.Address, key string) string {
	return "opening " + string(desk) + " " + key
}

// changed returns the keys that are not among those before.
func changed(keys, before []*signed.PublicKey) []*signed.PublicKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k *signed.PublicKey) bool {
		return slices.ContainsFunc(before, func(b *signed.PublicKey) bool {
			return b.Algorithm == k.Algorithm && bytes.Equal(b.Bytes, k.Bytes)
		})
	})
}
