package register

import "samband/gateway/signed"

// A Ring is one of a desk's two sets of keys.
type Ring int

const (
	// Online: the receipts key and TLS. Revoked, the desk is barred at the edge.
	Online Ring = iota
	// Locked: what signs messages and statements, and what opens.
	Locked
	rings
)

// Words of a revocation's ring lines.
const (
	RingOnline    = "online"
	RingLocked    = "locked"
	RingAuthority = "authority"
)

var ringWords = [rings]string{Online: RingOnline, Locked: RingLocked}

// A RingHash names keys that a revocation ends: a desk's ring, or a party's authority, by
// the hash of its keys that sign. So a revocation that was signed years ago ends the keys
// that it was signed for, and no newer ones; and a new opening key beside the same
// signing keys does not outlive it.
type RingHash struct {
	Ring string // RingOnline, RingLocked or RingAuthority
	Hash signed.Hash
}

type ringKeys struct {
	owner string
	keys  []*signed.PublicKey
}

// ringForm is the text whose hash names a ring. It is no entry and is never sent.
func ringForm(word string) *signed.Form[ringKeys] {
	return &signed.Form[ringKeys]{Title: "samband/ring/v1", Lines: func(k *ringKeys, l *signed.Lines) {
		l.Line("ring").Is(word)
		l.Line("owner").Word(&k.owner)
		for i := range k.keys {
			l.Line("key").Key(&k.keys[i], k.owner, k.keys[i].Algorithm)
		}
	}}
}

func hashOfRing(word, owner string, keys []*signed.PublicKey) RingHash {
	text := ringForm(word).Text(&ringKeys{owner, keys})
	return RingHash{word, signed.HashOf(text)}
}

// RingHash names one of the desk's rings.
func (d *Desk) RingHash(ring Ring) RingHash {
	keys := d.Consignment
	if ring == Locked {
		keys = d.Message
	}
	return hashOfRing(ringWords[ring], string(d.Address), keys)
}

// AuthorityHash names the party's authority.
func (p *Party) AuthorityHash() RingHash { return hashOfRing(RingAuthority, p.Name, p.Keys) }
