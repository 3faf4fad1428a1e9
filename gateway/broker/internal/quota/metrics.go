package quota

import (
	"maps"
	"slices"

	"samband/gateway/signed"
)

// A Share is how much of a quota is used, from 0 to 1.
type Share struct {
	Who   string // a desk's address or a party's name
	Party bool
	Quota Quota
	Used  float64
}

// Shares tells of each desk and each party how near it is to each of its limits.
func (r *Room) Shares() (all []Share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fullest := r.fullest()
	for _, desk := range slices.Sorted(maps.Keys(r.desks)) {
		for i, q := range buckets {
			if q != Entries && q != Revocations {
				all = append(all, Share{string(desk), false, q, r.share(r.desks[desk], i, r.limits.of(q))})
			}
		}
		all = append(all, Share{string(desk), false, Unconsigned, fullest[desk]})
	}
	for _, party := range slices.Sorted(maps.Keys(r.parties)) {
		for i, q := range buckets {
			l := r.limits.of(q)
			if q != Entries && q != Revocations {
				l = r.limits.party(l)
			}
			all = append(all, Share{party, true, q, r.share(r.parties[party], i, l)})
		}
	}
	return all
}

func (r *Room) share(a *account, bucket int, l limit) float64 {
	return a.refill(bucket, l.rate, r.elapsed()) / l.burst
}

// fullest is of each sender the share of what waits unconsigned at the recipient where
// that is most.
func (r *Room) fullest() map[signed.Address]float64 {
	most := map[signed.Address]float64{}
	for w, h := range r.unconsigned {
		most[w.from] = max(most[w.from], float64(h.messages)/float64(r.limits.UnconsignedMessages), float64(h.bytes)/float64(r.limits.UnconsignedBytes))
	}
	return most
}
