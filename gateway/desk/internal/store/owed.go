package store

import (
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// An Owing is sent messages of one state and urgency that wait for the same step of
// another.
type Owing struct {
	N      int
	Since  signed.Time // since when the oldest stands so
	Past   bool        // they are past their expiry
	Code   problem.Code
	Detail string // what they wait for, by this desk's own word; "" for those with a code
}

// CountOwed counts the messages in a state that have stood so since a time or longer, or
// that expired at another or earlier. A message stands so since the time that the log gives
// to what brought it there, or since this desk heard of it, whichever is earlier; a queued
// one since it was queued. What this desk itself has stated and waits to have proven is
// not among them.
func (t *Tx) CountOwed(state client.State, urgent bool, stood, expired signed.Time) ([]Owing, error) {
	query := countOwed
	if state == client.Queued {
		query = countQueued
	}
	return rows(t, "count what is owed", func(scan func(...any) error) (o Owing, err error) {
		return o, scan(&o.N, unix{&o.Since}, &o.Past, &o.Code, &o.Detail)
	}, query, string(state), urgent, stood.Unix(), expired.Unix())
}

// The index has all that countOwed reads; of queued messages the reason is asked too.
const (
	owedRows = ` FROM mail INDEXED BY mail_owed WHERE received = 0 AND unproven = '' AND state IN ('queued', 'accepted', 'consigned')
		AND state = ?1 AND urgent = ?2 AND (stands <= ?3 OR expires <= ?4) GROUP BY `
	countOwed   = `SELECT count(*), min(stands), expires <= ?4 AS past, '', ''` + owedRows + `past`
	countQueued = `SELECT count(*), min(stands), 0, code, CASE WHEN code = '' THEN detail ELSE '' END AS why` + owedRows + `code, why`
)
