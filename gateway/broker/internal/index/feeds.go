package index

import (
	"database/sql"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

// Progress lists what became of a desk's messages at leaf from or later, and what was
// said in its name of those that it received, in the order of the log.
func (x *Index) Progress(desk signed.Address, from int64, limit int) ([]Change, error) {
	return all(x.statements.progress, scanChange, string(desk), from, limit)
}

// LackingFrom lists a desk's messages that it should send again: their bytes
// are gone, and either nobody has consigned them or their recipient asked for them.
func (x *Index) LackingFrom(desk signed.Address, limit int) ([]*journal.Message, error) {
	return x.messages(x.statements.againFrom, string(desk), limit)
}

// A Queue is what waits for one desk.
type Queue struct {
	Desk     signed.Address
	Waiting  int         // accepted, not consigned
	Oldest   signed.Time // acceptance of the oldest of them; zero when none waits
	Unopened int         // consigned, not ended
	Since    signed.Time // consignment of the oldest of them; zero when there is none
}

// Queues tells of each desk that messages wait for.
func (x *Index) Queues() ([]Queue, error) {
	return all(x.statements.queues, func(rows *sql.Rows) (q Queue, err error) {
		var oldest, since sql.NullInt64
		err = rows.Scan(&q.Desk, &q.Waiting, &oldest, &q.Unopened, &since)
		q.Oldest, q.Since = moment(oldest.Int64), moment(since.Int64)
		return q, err
	})
}

// Unconsigned tells of each pair of desks how many messages, and bytes of them, the one
// sent and the other has not consigned.
func (x *Index) Unconsigned(tell func(from, to signed.Address, messages, bytes int64)) error {
	_, err := all(x.statements.unconsigned, func(rows *sql.Rows) (none struct{}, err error) {
		var from, to signed.Address
		var messages, bytes int64
		if err = rows.Scan(&from, &to, &messages, &bytes); err == nil {
			tell(from, to, messages, bytes)
		}
		return none, err
	})
	return err
}
