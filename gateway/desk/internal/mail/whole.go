package mail

import (
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
	e := m.Entry("database found "+string(found.Kind), "desk.db", nil)
	e.Detail = found.Detail
	if found.Lost {
		m.goesBack()
		m.Log.Error("the database is not what this desk had", "found", found.Kind, "detail", found.Detail)
	} else {
		m.Log.Warn("the database may not be what this desk had", "found", found.Kind, "detail", found.Detail)
	}
	return m.Store.WriteDown(found, signed.At(m.Now()), func(tx *store.Tx) error { return tx.Log(e) })
}

// goesBack has what was said since the database's state count as said by a lost copy of this
// desk, as after a start. It is called before the first answer that is measured by that state.
func (m *Room) goesBack() {
	m.absence.Lock()
	defer m.absence.Unlock()
	m.absence.since = m.logs.Load().Audit().Size
	m.absence.noted.Store(false)
	m.readAll.Store(false)
}

// mayLack reports whether this desk may have sent or received what its database does not
// have: that was put back, begun empty or damaged once, or what was said in its name while it
// did not run is not read yet. Then what it does not find proves nothing of another desk.
func (m *Room) mayLack(tx *store.Tx) (bool, error) {
	if !m.readAll.Load() {
		return true, nil
	}
	return tx.HasLost()
}

// SettleLosses has what the database lost stand no more, for a reason that the desk's log
// takes, and says how many losses and messages that were.
func (m *Room) SettleLosses(reason string) (n int64, err error) {
	err = m.write(vital, nil, func(c *change) error {
		if n, err = c.Tx.SettleLosses(signed.At(m.Now())); err != nil || n == 0 {
			return err
		}
		e := m.Entry("losses settled", "desk.db", nil)
		e.Detail = reason
		return c.Log(e)
	})
	return n, err
}
