package register

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
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
	return inForce(v, v.r.state.parties, func(p *party) *history[*Party] { return &p.entry })
}

// Servers returns the broker's TLS keys in force, with their number.
func (v View) Servers() (ServerKeys, int64) {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	if b, ok := v.r.state.server.at(v.size); ok {
		return b.ServerKeys, b.Number
	}
	return v.r.federation.ServerKeys, 0
}

// Caller returns the desk whose connections a TLS key makes at a moment, by the SHA-256
// of the key in PKIX DER. CERTIFICATE_REFUSED says why it makes none: the register names
// it for no desk now, or the entry that names it has ended, and what was accepted before
// had its time. A desk whose online ring is revoked is found; see Revoked.
func (v View) Caller(key signed.Hash, now signed.Time) (signed.Address, error) {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	addr, known := v.r.state.callers[key]
	if !known {
		return "", problem.New(problem.CertificateRefused, "the register names this TLS key for no desk: its entry is not there yet, or the key is another exchange's")
	}
	entry, ok := v.r.state.desk(addr).entry.at(v.size)
	if !ok || entry.TLS != key {
		return "", problem.New(problem.CertificateRefused, "the register names another TLS key for %s", addr)
	}
	if !entry.Until.IsZero() && !now.Before(entry.Until.Add(wordsAfterEnd)) {
		return "", problem.New(problem.CertificateRefused, "the entry of %s ended at %s", addr, entry.Until)
	}
	return addr, nil
}

// Desk returns the entry of a desk. A desk with revoked rings is still there.
func (v View) Desk(addr signed.Address) (*Desk, bool) {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	return v.r.state.desk(addr).entry.at(v.size)
}

// Zone returns the time zone that a desk's days and hours are counted in: UTC
// where the desk is unknown, or this program doesn't know its zone.
func (v View) Zone(addr signed.Address) *time.Location {
	if d, ok := v.Desk(addr); ok {
		if l, err := d.Zone.Location(); err == nil {
			return l
		}
	}
	return time.UTC
}

// Desks returns all desks, by address.
func (v View) Desks() []*Desk {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	return inForce(v, v.r.state.desks, func(d *desk) *history[*Desk] { return &d.entry })
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

// Bundles returns the catalogue bundles that the register named so far, each once,
// the one in force first. A message that was accepted under an older catalogue is
// read with that one's bundle.
func (v View) Bundles() []schema.BundleHash {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	var out []schema.BundleHash
	for _, c := range slices.Backward(v.r.state.catalogue.until(v.size)) {
		if !slices.Contains(out, c.Bundle) {
			out = append(out, c.Bundle)
		}
	}
	return out
}

// Agreements returns all agreements, in force or not, as they were proposed.
func (v View) Agreements() []*Agreement {
	return v.agreementsThat(func(*agreement) bool { return true })
}

// AgreementsBetween returns the agreements in force at t that name both parties.
func (v View) AgreementsBetween(one, other string, t signed.Time) []*Agreement {
	return v.agreementsThat(func(a *agreement) bool { return v.binds(a, one, other, t) == nil })
}

func (v View) agreementsThat(are func(*agreement) bool) (out []*Agreement) {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	for _, a := range v.agreements() {
		if are(a) {
			out = append(out, a.Agreement)
		}
	}
	return out
}

// A Proposal is an agreement that awaits a party.
type Proposal struct {
	Index     int64 // its entry's place in the register
	Agreement *Agreement
	Awaits    []string // all parties that are not bound to it, this one among them
}

// Proposals returns the agreements that name a party to which it is not bound, whose
// proposer stands by them, and that have not ended at now.
func (v View) Proposals(party string, now signed.Time) (out []Proposal) {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	for _, a := range v.agreements() {
		if !slices.Contains(a.Parties, party) || v.isBound(a, party) || !v.isBound(a, a.proposer()) || !now.Before(a.Until) {
			continue
		}
		awaits := slices.DeleteFunc(slices.Clone(a.Parties), func(p string) bool { return v.isBound(a, p) })
		out = append(out, Proposal{a.at, a.Agreement, awaits})
	}
	return out
}

// Copies returns the copies that an agreement asks for beside a message of a type,
// in the agreement's order.
func (v View) Copies(agreement signed.Hash, typ string) []Copy {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	if a, ok := v.agreement(agreement); ok {
		return a.copies(typ)
	}
	return nil
}

// Whoever calls the readers below has the lock.

// inForce returns the entries in force of all that a map names, in the names' order.
func inForce[K cmp.Ordered, V, E any](v View, all map[K]V, entry func(V) *history[E]) (out []E) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if e, ok := entry(all[name]).at(v.size); ok {
			out = append(out, e)
		}
	}
	return out
}

func (v View) agreement(hash signed.Hash) (*agreement, bool) {
	a, ok := v.r.state.agreements[hash]
	return a, ok && a.at < v.size
}

func (v View) agreements() []*agreement {
	all := v.r.state.proposed
	if n := slices.IndexFunc(all, func(a *agreement) bool { return a.at >= v.size }); n >= 0 {
		return all[:n]
	}
	return all
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
