package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"samband/gateway/broker/internal/store"
	"samband/gateway/durable"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A Setup is what a new broker must be told.
type Setup struct {
	Settings
	Name string // of the exchange, such as nordic.example
}

// Init makes a broker's folder: settings, keys, and the card that the founders
// of the exchange make the federation file of. It refuses a folder that has a
// card already; one that was killed before that is begun anew.
func Init(dir string, setup Setup) (card []byte, err error) {
	if _, err := signed.ParseOrigin(setup.Name); err != nil || strings.Contains(setup.Name, "/") {
		return nil, errors.New("an exchange's name is a lower-case host name, such as nordic.example")
	}
	if err := setup.check(); err != nil {
		return nil, err
	}
	if err := durable.CheckWriter(dir); err != nil {
		return nil, err
	}
	s := setup.in(dir)
	for _, d := range []string{dir, s.Keys} {
		if err := durable.MkdirAll(d); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
	}
	if err := s.private(dir); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(s.key(cardFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has a broker's keys already", s.Keys)
	}
	if err := durable.Replace(settingsFile(dir), []byte(setup.text()), 0o600); err != nil {
		return nil, err
	}
	return makeKeys(s, setup.Name)
}

// makeKeys makes every key durable before the card that shows it.
func makeKeys(s Settings, name string) (card []byte, err error) {
	logs, err := makeSigningKeys(s, name)
	if err != nil {
		return nil, err
	}
	servers, err := makeTLSKeys(s.key(tlsKeyFile), s.key(offlineKeyFile))
	if err != nil {
		return nil, err
	}
	mac := make([]byte, 32)
	rand.Read(mac)
	if err := durable.Replace(s.key(macFile), []byte(signed.EncodeBytes(mac)+"\n"), 0o600); err != nil {
		return nil, err
	}
	card, err = register.SignCard(&register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: logs[0].Public, Register: logs[1].Public, Operator: logs[2].Public, ServerKeys: servers,
	}}, logs...)
	if err != nil {
		return nil, err
	}
	return card, durable.Create(s.key(cardFile), card, 0o600)
}

func makeSigningKeys(s Settings, name string) (made []*signed.PrivateKey, err error) {
	for _, k := range []struct{ file, name string }{
		{auditKeyFile, name + "/audit"},
		{registerKeyFile, name + "/register"},
		{operatorKeyFile, register.OperatorName(name)},
	} {
		keys, err := signed.GenerateKeys(k.name, signed.UseCheckpoint)
		if err != nil {
			return nil, err
		}
		if err := durable.Replace(s.key(k.file), []byte(keys[0].Encode()+"\n"), 0o600); err != nil {
			return nil, err
		}
		made = append(made, keys...)
	}
	return made, nil
}

// Install takes the federation file that the founders signed, and makes the data
// folder, once: the mark beside the keys comes last, and if it is there, Install
// refuses and nothing is ever made again. Killed before it, it is repeated.
func Install(dir string, federation []byte) error {
	if err := durable.CheckWriter(dir); err != nil {
		return err
	}
	s, err := ReadSettings(dir)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(s.key(markFile)); !errors.Is(err, fs.ErrNotExist) {
		return errors.New("this broker's data was made before: it is never made again")
	}
	k, err := loadKeys(s, federation)
	if err != nil {
		return err
	}
	if _, err := newIdentity(s, k.register, nil).current(); err != nil {
		return err
	}
	if err := durable.Replace(s.key(federationFile), federation, 0o600); err != nil {
		return err
	}
	for _, d := range []string{s.Data, s.records(), s.shown()} {
		if err := durable.MkdirAll(d); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	if err := s.private(dir); err != nil {
		return err
	}
	st, err := store.Open(context.Background(), store.Config{Dir: s.nats(), MaxBytes: s.JournalBytes, Create: true})
	if err != nil {
		return err
	}
	st.Close()
	if err := durable.SyncDir(s.Data); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return durable.Create(s.key(markFile), []byte("data was made "+time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600)
}
