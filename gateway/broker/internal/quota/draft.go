package quota

import (
	"samband/gateway/signed"
)

// A Draft is what a group takes while it is ordered.
type Draft struct {
	room  *Room
	taken []taken
	moved []moved
}

type taken struct {
	purses
	costs [2]cost
}

type moved struct {
	way
	messages, bytes int64
}

// Draft begins a group.
func (r *Room) Draft() *Draft { return &Draft{room: r} }

// Accept takes the whole life of a message from its sender, and counts it as
// unconsigned. On an error nothing is taken.
func (d *Draft) Accept(from, to signed.Address, bytes int) error {
	r := d.room
	r.mu.Lock()
	defer r.mu.Unlock()
	w := way{from, to}
	if err := r.behind(w, int64(bytes)); err != nil {
		return err
	}
	if err := d.take(r.of(from), life(bytes)...); err != nil {
		return err
	}
	d.move(w, 1, int64(bytes))
	return nil
}

// Say takes a word that no message's life has paid for: a withdrawal of an id that
// never was.
func (d *Draft) Say(desk signed.Address, bytes int) error {
	d.room.mu.Lock()
	defer d.room.mu.Unlock()
	return d.take(d.room.of(desk), cost{signedEvents, 1}, cost{signedBytes, float64(bytes + eventBytes)})
}

// Refuse takes the entry of a refusal. One that there is no budget for is counted for
// the log's sums.
func (d *Draft) Refuse(desk signed.Address, ring Ring) error {
	d.room.mu.Lock()
	defer d.room.mu.Unlock()
	err := d.take(d.room.of(desk), cost{refusalsOf[ring], 1})
	if err != nil {
		d.room.refusals[desk]++
	}
	return err
}

// Enter takes a register entry from the party that signed it.
func (d *Draft) Enter(party string, revokes bool) error {
	d.room.mu.Lock()
	defer d.room.mu.Unlock()
	bucket := entries
	if revokes {
		bucket = revocations
	}
	return d.take(d.room.ofParty(party), cost{bucket, 1})
}

// Ends says that a message waits for its recipient no more.
func (d *Draft) Ends(from, to signed.Address, bytes int64) {
	d.room.mu.Lock()
	defer d.room.mu.Unlock()
	d.move(way{from, to}, -1, -bytes)
}

// Restores says that the lost bytes of a message came again. Its sender has paid for
// them once. Where its recipient asked for them, they are the recipient's doing; where
// the message is unconsigned, as many more bytes wait as were not counted.
func (d *Draft) Restores(from, to signed.Address, bytes int64, wanted bool, more int64) {
	r := d.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if wanted {
		t := taken{r.of(to), [2]cost{{onlineBytes, float64(bytes)}}}
		t.add(t.costs[:], 1)
		d.taken = append(d.taken, t)
	}
	d.move(way{from, to}, 0, more)
}

// take and move are called with the room's mu locked.
func (d *Draft) take(p purses, costs ...cost) error {
	if err := d.room.take(p, costs...); err != nil {
		return err
	}
	t := taken{purses: p}
	copy(t.costs[:], costs)
	d.taken = append(d.taken, t)
	return nil
}

func (d *Draft) move(w way, messages, bytes int64) {
	d.room.move(w, messages, bytes)
	d.moved = append(d.moved, moved{w, messages, bytes})
}

// GiveBack undoes all that the group took: nothing of it was written, and nothing will
// be. Where that is in doubt, what was taken stays taken.
func (d *Draft) GiveBack() {
	d.room.mu.Lock()
	defer d.room.mu.Unlock()
	for _, t := range d.taken {
		t.add(t.costs[:], -1)
	}
	for _, m := range d.moved {
		d.room.move(m.way, -m.messages, -m.bytes)
	}
	d.taken, d.moved = nil, nil
}
