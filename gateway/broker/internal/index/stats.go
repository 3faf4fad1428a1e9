package index

import (
	"database/sql"

	"samband/gateway/signed"
)

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
