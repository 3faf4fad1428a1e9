package store

import (
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// An OpeningKey is one of the ring's, as it was last unlocked.
type OpeningKey struct {
	Key      envelope.KeyID
	Place    int
	Replaced signed.Time // when this desk saw the register name a newer one; zero: it does not
}

// OpeningKeys returns them, the newest last.
func (t *Tx) OpeningKeys() ([]OpeningKey, error) {
	return rows(t, "read opening keys", func(scan func(...any) error) (k OpeningKey, err error) {
		return k, scan(sealed("opening_keys"), fixed(k.Key[:]), &k.Place, unix{&k.Replaced})
	}, `SELECT `+wholeOf("opening_keys", "")+`, key, place, replaced FROM opening_keys ORDER BY place`)
}

// PutOpeningKey keeps a key; the time since when it is replaced stays as it was first.
func (t *Tx) PutOpeningKey(k OpeningKey) error {
	return t.put("keep opening key", `INSERT INTO opening_keys (key, place, replaced) VALUES (?,?,?)
		ON CONFLICT (key) DO UPDATE SET place = excluded.place,
		replaced = iif(excluded.replaced = 0, 0, iif(replaced = 0, excluded.replaced, replaced))`, k.Key[:], k.Place, k.Replaced.Unix())
}

// DropOpeningKey forgets a key that is destroyed.
func (t *Tx) DropOpeningKey(key envelope.KeyID) error {
	return t.exec("drop opening key", `DELETE FROM opening_keys WHERE key = ?`, key[:])
}

// Unended returns the texts of received messages that have not ended and that no file
// key opens: to open them takes the key that they are sealed to.
func (t *Tx) Unended() ([]signed.Hash, error) {
	return rows(t, "read what is not opened", scanHash("mail"), `SELECT `+wholeOf("mail", "")+`, text FROM mail WHERE received = 1 AND state IN ('accepted', 'consigned') AND text NOT IN (SELECT text FROM file_keys)`)
}
