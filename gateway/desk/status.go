package desk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Status tells how the desk stands.
func (d *Desk) Status(context.Context) (*client.Status, error) {
	l := d.room.Logs()
	var seen []client.Breaches
	var overdue []client.Overdue
	var duties []client.Duty
	var erasures *client.Erasures
	var openings []client.OpeningKey
	var lost, missing int
	var losses []client.Loss
	var damages client.Damages
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		if seen, err = breaches(tx); err != nil {
			return err
		}
		if lost, _, err = tx.CountElsewhere(); err != nil {
			return err
		}
		if damages.Mended, damages.Lost, err = tx.CountDamages(); err != nil {
			return err
		}
		if overdue, err = d.room.Overdue(tx); err != nil {
			return err
		}
		if erasures, err = d.erasures(tx); err != nil {
			return err
		}
		if openings, err = openingKeys(tx); err != nil {
			return err
		}
		if losses, err = tx.Losses(maxLosses); err != nil {
			return err
		}
		if missing, err = tx.CountLost(); err != nil {
			return err
		}
		duties, err = d.room.Duties(tx, d.now())
		return err
	})
	if err == nil {
		erasures.NotShown, err = d.notShown()
	}
	if err != nil {
		return nil, err
	}
	room, why := d.room.Store.Room(), ""
	if room.Full {
		why = room.Why()
	}
	s := &client.Status{
		Desk: d.Address(), Exchange: l.Register().Federation().Name, Hash: l.Register().Exchange(),
		Broker: d.settings.Broker, Locked: d.Locked(), Reachable: d.room.Reachable(),
		Registered: d.registered() == nil, Register: l.Register().Size(), Audit: l.Audit().Size,
		Losses: losses, Lost: missing,
		Duties: duties, LostWords: lost, Damages: damages, Erasures: *erasures, Keys: openings, Breaches: seen,
		Disk: client.Disk{Free: room.Free, Needed: room.Needed, Full: room.Full, Why: why, Reserve: room.Reserve},
	}
	if trouble := d.trouble(); trouble != nil {
		s.Trouble = trouble.Error()
	}
	if fault := d.room.ClockFault(); fault != nil {
		s.Clock = fault.Error()
	}
	if fault := d.hits.trouble(); fault != nil {
		s.Hits = fault.Error()
	}
	if alarm := d.room.Shared(); alarm != nil {
		s.Shared = alarm.Error()
	}
	s.Entries = d.room.HandedIn()
	for _, lack := range d.room.Lacks() {
		s.Lacks = append(s.Lacks, client.Lack{Bundle: lack.Bundle, Problem: problemIn(lack.Why)})
	}
	for _, b := range s.Breaches {
		s.Evidence += b.Pieces
	}
	for _, o := range overdue {
		if o.Messages > 0 {
			s.Overdue = append(s.Overdue, o)
		}
	}
	if silent := d.room.Silent(); silent > mail.SilentFor {
		s.Silent = client.Duration(silent.Truncate(time.Second))
	}
	return s, nil
}

// maxLosses is how many losses a status has.
const maxLosses = 10

// openingKeys are those of the ring, as it was last unlocked.
func openingKeys(tx *store.Tx) (out []client.OpeningKey, err error) {
	all, err := tx.OpeningKeys()
	for _, k := range all {
		o := client.OpeningKey{ID: fmt.Sprintf("%x", k.Key[:]), Replaced: k.Replaced, Until: mail.KeptUntil(k)}
		if !k.Replaced.IsZero() {
			if o.Needed, err = mail.NeedKey(tx, k.Key); err != nil {
				return nil, err
			}
		}
		out = append(out, o)
	}
	return out, err
}

// Types lists the catalogue that the register has.
func (d *Desk) Types(context.Context) ([]client.Type, error) {
	types := []client.Type{}
	for _, t := range d.room.Logs().View().Types() {
		types = append(types, client.Type{Name: t.Name, Version: t.Version, Hash: t.Hash})
	}
	return types, nil
}

// Bundle is the catalogue bundle in which this desk has a type; TYPE_OUTDATED if it has
// none.
func (d *Desk) Bundle(_ context.Context, typ signed.Hash) ([]byte, error) {
	b, err := d.room.Bundle(typ)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem.New(problem.TypeOutdated, "this desk does not have the catalogue bundle with that type yet")
	}
	if err != nil {
		return nil, err
	}
	return b.Zip, nil
}
