package desk

import (
	"cmp"
	"fmt"
	"slices"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/durable"
	"samband/gateway/hit"
	"samband/gateway/internal/work"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A Setup is what a new desk must be told.
type Setup struct {
	Settings
	Federation []byte      // the exchange's federation file, compared by its fingerprint
	Passphrase []byte      // will unlock the locked ring
	Work       work.Factor // that the passphrase costs: zero, the true one, is all that a program can say
}

// Init makes a desk's folder: both rings, an empty database, settings, and the request card
// that the desk's party makes its register entry of. The rings are
// durable before the card is; a folder that has rings is refused. No start makes a
// database: a desk without its own says so (see BeginEmpty).
func Init(dir string, s Setup) (card []byte, err error) {
	f := folder(dir)
	fed, err := register.ParseFederation(s.Federation)
	if err != nil {
		return nil, fmt.Errorf("read the federation file: %w", err)
	}
	if _, err := register.ParseZone(string(s.Zone)); err != nil {
		return nil, err
	}
	if err := durable.CheckWriter(dir); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(f.keys()); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if err := f.private(); err != nil {
		return nil, err
	}
	if err := store.CheckFree(f.database()); err != nil {
		return nil, err
	}
	online, locked, err := keys.Create(f.keys(), s.Address, s.Passphrase, s.Work)
	if err != nil {
		return nil, err
	}
	if err := durable.Replace(f.federation(), s.Federation, 0o600); err != nil {
		return nil, err
	}
	s.Hits, s.Reserve = cmp.Or(s.Hits, hit.DefaultLimit), cmp.Or(s.Reserve, store.DefaultReserve)
	if err := store.MakeReserve(dir, s.Reserve); err != nil {
		return nil, err
	}
	if err := store.Make(f.database(), s.Address); err != nil {
		return nil, err
	}
	if err := durable.Replace(f.settings(), []byte(s.Settings.text()), 0o600); err != nil {
		return nil, err
	}
	return writeCard(f, fed.Hash(), s.Settings, online, locked)
}

// Rotate puts a new opening key beside the old ones and writes the request card
// anew. The desk opens with both; it is sealed to with the new one once its
// party has entered the card. A desk that runs must be unlocked again to know
// the new key. One rotation at a time locks the keys: of two, the later would
// write over the key whose card the earlier gave out.
func Rotate(dir string, passphrase []byte) (card []byte, err error) {
	return rotate(dir, passphrase, func(f folder, s Settings) error { return keys.Rotate(f.keys(), passphrase) })
}

// RotateOnline makes a new online ring beside the old one and writes the request card anew.
// The desk goes on with the old one; from its party's entry of the card on it connects and
// consigns with the new one, by itself. Killed, or run again before the entry is there, it
// makes no second one.
func RotateOnline(dir string, passphrase []byte) (card []byte, err error) {
	return rotate(dir, passphrase, func(f folder, s Settings) error {
		_, err := keys.NewOnline(f.keys(), s.Address)
		return err
	})
}

func rotate(dir string, passphrase []byte, make func(folder, Settings) error) (card []byte, err error) {
	f := folder(dir)
	if err := durable.CheckWriter(dir); err != nil {
		return nil, err
	}
	s, err := readSettings(f)
	if err != nil {
		return nil, err
	}
	lock, err := f.lockKeys()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	_, fed, err := f.readFederation()
	if err != nil {
		return nil, err
	}
	if err := make(f, s); err != nil {
		return nil, err
	}
	online, err := keys.NewestOnline(f.keys())
	if err != nil {
		return nil, err
	}
	locked, err := keys.Unlock(f.keys(), passphrase)
	if err != nil {
		return nil, err
	}
	defer locked.Forget()
	return writeCard(f, fed.Hash(), s, online, locked)
}

// ChangePassphrase puts the locked ring under another passphrase. A desk that runs goes on
// as it is, unlocked or not. A copy of the folder from before opens with the old one.
func ChangePassphrase(dir string, old, new []byte) error {
	if err := durable.CheckWriter(dir); err != nil {
		return err
	}
	f := folder(dir)
	if _, err := readSettings(f); err != nil {
		return err
	}
	lock, err := f.lockKeys()
	if err != nil {
		return err
	}
	defer lock.Close()
	return keys.ChangePassphrase(f.keys(), old, new)
}

func writeCard(f folder, exchange signed.Hash, s Settings, online *keys.Online, locked *keys.Locked) ([]byte, error) {
	request := &register.Request{
		Exchange: exchange,
		Address:  s.Address,
		Zone:     s.Zone,
		DeskKeys: register.DeskKeys{
			Message:     signed.PublicKeys(locked.Message),
			Consignment: signed.PublicKeys(online.Receipts),
			Opening:     locked.Recipient(),
			Versions:    []int64{1},
		},
	}
	card, err := register.SignRequest(request, online.TLS, slices.Concat(locked.Message, online.Receipts)...)
	if err != nil {
		return nil, fmt.Errorf("sign the request card: %w", err)
	}
	return card, durable.Replace(f.card(), card, 0o600)
}
