package desk

import (
	"errors"
	"fmt"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// wayOut adds to why a database does not open what a person can do.
func wayOut(err error) error {
	if errors.Is(err, store.ErrMalformed) {
		return fmt.Errorf("%w: copy the folder first, then put desk.db back from the newest backup; "+
			"if there is none, samband-desk begin-empty --help says what is lost then", err)
	}
	if errors.Is(err, store.ErrNone) {
		return fmt.Errorf("%w: a desk never starts empty where it had data: put its folder back from the newest backup; "+
			"if there is none, samband-desk begin-empty --help says what is lost then", err)
	}
	return err
}

// Passes reports whether what keeps a desk from starting passes by itself: its disk takes no
// writes, or another program has its database locked, such as one that makes a backup.
func Passes(err error) bool { return durable.NoRoom(err) || store.IsBusy(err) }

// BeginEmpty makes an empty database for a desk that lost its own, because a person says so;
// the desk's log takes the reason. What there is of a database is set aside under another
// name, which BeginEmpty returns. A database that this program opens is refused.
//
// What has not ended comes again by itself, and so do the lists of what was erased. The
// rest is gone here: what had ended, the proofs of it, and what this desk knew of open
// conversations.
func BeginEmpty(dir, reason string, now time.Time) (aside string, err error) {
	if err := checkReason(reason); err != nil {
		return "", err
	}
	f := folder(dir)
	if err := durable.CheckOwner(dir); err != nil {
		return "", err
	}
	s, err := readSettings(f)
	if err != nil {
		return "", err
	}
	lock, err := f.lock(nil)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	was, err := store.Open(f.database(), s.Address, s.Reserve, nil)
	switch {
	case err == nil:
		return "", errors.Join(errors.New("this desk has its database, and it opens: nothing was done"), was.Close())
	case errors.Is(err, store.ErrForm), store.IsBusy(err), durable.NoRoom(err):
		return "", err
	}
	why := err
	if aside, err = store.SetAside(f.database(), now); err != nil {
		return "", err
	}
	if err := store.Make(f.database(), s.Address); err != nil {
		return aside, err
	}
	db, err := store.Open(f.database(), s.Address, s.Reserve, nil)
	if err != nil {
		return aside, err
	}
	err = db.UpdateVital(func(tx *store.Tx) error {
		err := tx.AddLoss(client.Loss{Found: signed.At(now), Kind: string(store.FoundEmpty), Detail: "a person began with an empty database: " + reason})
		return errors.Join(err, tx.Log(client.LogEntry{Time: signed.At(now), Event: "begun empty", Subject: why.Error(), Detail: reason}))
	})
	return aside, errors.Join(err, db.Close())
}
