package mail

import (
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
)

// sayFound writes down what was found of the database when it was opened. What it lost comes
// again where it has not ended, as after a backup was put back: the feeds are read from
// where it stands, and what was said in this desk's name since is its own (elsewhere.go).
// What had ended is listed as lost.
func (m *Room) sayFound() error {
	found := m.Store.Found()
	if found == nil {
		return nil
	}
	e := m.Entry("database found "+found.Kind, "desk.db", nil)
	e.Detail = found.Detail
	if found.Lost {
		m.Log.Error("the database is not what this desk had", "found", found.Kind, "detail", found.Detail)
	} else {
		m.Log.Warn("the database may not be what this desk had", "found", found.Kind, "detail", found.Detail)
	}
	return m.Store.WriteDown(found, signed.At(m.Now()), func(tx *store.Tx) error { return tx.Log(e) })
}

// Losses are what this desk's database lost and nobody has settled, the newest first, how
// many messages are lost, and those of them that the log shows last.
func Losses(tx *store.Tx, limit int) (losses []store.Loss, n int, lost []client.LostMessage, err error) {
	if losses, err = tx.Losses(limit); err != nil {
		return nil, 0, nil, err
	}
	if n, err = tx.CountLost(); err == nil {
		lost, err = tx.LostMessages(limit)
	}
	return losses, n, lost, err
}
