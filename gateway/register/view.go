package register

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A View is the register at one size: what it says never changes, however long
// the register grows.
type View struct {
	r    *Register
	size int64
}

// At returns the view at a size from 1 to r.Size(). A size from outside is checked
// against the register first, by CheckHead; another size is a fault of the
// program, and At panics.
func (r *Register) At(size int64) View {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if size < 1 || size > int64(len(r.notes)) {
		panic(fmt.Sprintf("register: no view at size %d of %d", size, len(r.notes)))
	}
	return View{r, size}
}

// Now returns the view of the whole register as it stands.
func (r *Register) Now() View {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return View{r, int64(len(r.notes))}
}

// Size is the number of entries that the view rests on.
func (v View) Size() int64 { return v.size }

// Head is the register's log at the view's size.
func (v View) Head() signed.Head {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	return signed.Head{Origin: v.r.federation.Register.Name, Size: v.size, Root: v.r.roots[v.size]}
}

// Parties returns the parties in force, by name.
func (v View) Parties() []*Party {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	var out []*Party
	for _, known := range v.r.state.parties {
		if p, ok := known.entry.at(v.size); ok {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *Party) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// CA returns the issuing CA of a party in force; nil when it has none. It is
// what certs.Check asks for.
func (v View) CA(party string) *x509.Certificate {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	if ca, ok := v.r.state.party(party).ca.at(v.size); ok {
		return ca.cert
	}
	return nil
}

// Desk returns the entry of a desk. A desk with revoked rings is still there.
func (v View) Desk(addr signed.Address) (*Desk, bool) {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	return v.r.state.desk(addr).entry.at(v.size)
}

// Desks returns all desks, by address.
func (v View) Desks() []*Desk {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	var out []*Desk
	for _, known := range v.r.state.desks {
		if d, ok := known.entry.at(v.size); ok {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *Desk) int { return cmp.Compare(a.Address, b.Address) })
	return out
}

// Revoked reports whether a ring of a desk is revoked and not yet replaced.
func (v View) Revoked(addr signed.Address, ring Ring) bool {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	_, yes := v.r.state.desk(addr).revoked[ring].at(v.size)
	return yes
}

// Type returns the newest version of a message type in the catalogue.
func (v View) Type(name string) (envelope.TypeRef, bool) {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	if c, ok := v.r.state.catalogue.at(v.size); ok {
		return c.newest(name)
	}
	return envelope.TypeRef{}, false
}

// Types returns the newest version of each message type in the catalogue, by name.
func (v View) Types() (newest []envelope.TypeRef) {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	c, ok := v.r.state.catalogue.at(v.size)
	if !ok {
		return nil
	}
	for _, t := range c.Types {
		if last, _ := c.newest(t.Name); last == t {
			newest = append(newest, t)
		}
	}
	slices.SortFunc(newest, func(a, b envelope.TypeRef) int { return cmp.Compare(a.Name, b.Name) })
	return newest
}

// Agreements returns all agreements, in force or not, as they were proposed.
func (v View) Agreements() []*Agreement {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	var out []*Agreement
	for _, a := range v.agreements() {
		out = append(out, a.Agreement)
	}
	return out
}

// AgreementsBetween returns the agreements in force at t that name both parties.
func (v View) AgreementsBetween(one, other string, t signed.Time) []*Agreement {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	var out []*Agreement
	for _, a := range v.agreements() {
		if v.binds(a, one, other, t) == nil {
			out = append(out, a.Agreement)
		}
	}
	return out
}

// Whoever calls the readers below has the lock.

func (v View) agreement(hash signed.Hash) (*agreement, bool) {
	a, ok := v.r.state.agreements[hash]
	return a, ok && a.at < v.size
}

func (v View) agreements() []*agreement {
	all := v.r.state.proposed
	n := slices.IndexFunc(all, func(a *agreement) bool { return a.at >= v.size })
	if n < 0 {
		return all
	}
	return all[:n]
}

func (v View) isBound(a *agreement, party string) bool {
	h := a.bound[party]
	if h == nil {
		return false
	}
	_, ok := h.at(v.size)
	return ok
}

func (v View) everBound(a *agreement, party string) bool {
	h := a.bound[party]
	return h != nil && h.begunIn(0, v.size)
}
