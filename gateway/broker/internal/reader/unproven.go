package reader

import (
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker/internal/index"
	"samband/gateway/signed"
)

// restFor is for how long a message that can't be proven is in no page: others have its place.
const restFor = time.Minute

// unproven are messages of which the broker's damaged files gave no proof lately, and what
// desks were told since.
type unproven struct {
	mu    sync.Mutex
	until map[signed.Hash]time.Time
	told  map[signed.Address]int64 // how far a desk was told in this run: the next leaf
}

func (u *unproven) put(text signed.Hash) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.until == nil {
		u.until = map[signed.Hash]time.Time{}
	}
	u.until[text] = time.Now().Add(restFor)
}

// rest reports whether a message is to be left out of a page still.
func (u *unproven) rest(text signed.Hash) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	until, is := u.until[text]
	if is && time.Now().After(until) {
		delete(u.until, text)
		return false
	}
	return is
}

// events are those of a page of progress: what the index has behind the cursor, or, before it, what
// the desk was not told for want of a proof, and all since. That is told once in each run of the
// broker, and to a desk that does not wait: it has begun, or its last call failed.
func (r *Reader) events(caller signed.Address, page api.Page) ([]index.Change, error) {
	from := page.After.Leaf()
	if leaf, is := r.seq.Untold(caller); is {
		from = r.unproven.begin(caller, leaf, page)
	}
	events, err := r.index.Progress(caller, from, page.Limit)
	if err == nil && len(events) > 0 {
		r.unproven.reach(caller, events[len(events)-1].Leaf+1)
	}
	return events, err
}

// begin is where a page begins for a desk that was not told of a leaf.
func (u *unproven) begin(desk signed.Address, leaf int64, page api.Page) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if page.Wait > 0 {
		leaf = max(leaf, u.told[desk])
	}
	return min(leaf, page.After.Leaf())
}

// reach notes how far a desk was told.
func (u *unproven) reach(desk signed.Address, leaf int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.told == nil {
		u.told = map[signed.Address]int64{}
	}
	u.told[desk] = leaf
}
