package broker

import (
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"

	"samband/certs"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// An identity is the TLS key that the broker uses, with a certificate for it: of the keys
// in its folder the one that the register names as in use, else the one that it names as
// offline. So after the first key is lost, the file of the second in its place is enough;
// and new keys that lie there beforehand are used from the entry on that names them.
type identity struct {
	folder  string
	servers func() register.ServerKeys // that the register names
	log     *slog.Logger

	mu    sync.Mutex // over all below
	named register.ServerKeys
	pair  *tls.Certificate
}

func newIdentity(s Settings, r *register.Register, log *slog.Logger) *identity {
	return &identity{folder: s.Keys, log: log, servers: func() register.ServerKeys {
		named, _ := r.Now().Servers()
		return named
	}}
}

// current is the certificate to show now.
func (i *identity) current() (*tls.Certificate, error) {
	named := i.servers()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pair != nil && i.named == named {
		return i.pair, nil
	}
	key, err := i.find(named)
	switch {
	case err == nil:
	case i.pair != nil: // it runs on with the key that it has: desks that know better refuse it
		i.log.Error("the register names other TLS keys of this broker, and none of them lies in its keys folder", "error", err)
		i.named = named
		return i.pair, nil
	default:
		return nil, err
	}
	pair, err := certs.Own(key, "broker", certs.Server)
	if err != nil {
		return nil, err
	}
	i.named, i.pair = named, pair
	return pair, nil
}

// find reads the keys in the folder, and takes the one that is to be used.
func (i *identity) find(named register.ServerKeys) (*ecdsa.PrivateKey, error) {
	files, err := filepath.Glob(filepath.Join(i.folder, "tls*.key"))
	if err != nil {
		return nil, fmt.Errorf("list TLS keys in %s: %w", i.folder, err)
	}
	found := map[signed.Hash]*ecdsa.PrivateKey{}
	var faults error
	for _, file := range files {
		key, hash, err := readTLSKey(file)
		if err != nil {
			faults = errors.Join(faults, err)
			continue
		}
		found[hash] = key
	}
	for _, hash := range []signed.Hash{named.InUse, named.Offline} {
		if key, ok := found[hash]; ok {
			return key, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("no TLS key of this broker that the register names lies in %s: put the file of its offline key there", i.folder), faults)
}

func readTLSKey(file string) (*ecdsa.PrivateKey, signed.Hash, error) {
	pem, err := durable.ReadFile(file, durable.MaxSmall)
	if err != nil {
		return nil, signed.Hash{}, fmt.Errorf("read TLS key: %w", err)
	}
	key, err := certs.DecodeKey(pem)
	if err != nil {
		return nil, signed.Hash{}, fmt.Errorf("key file %s: %w", file, err)
	}
	hash, err := certs.HashOf(&key.PublicKey)
	return key, hash, err
}

// makeTLSKeys makes two keys durable, the one to be used and the one for a safe.
func makeTLSKeys(inUse, offline string) (register.ServerKeys, error) {
	var hashes []signed.Hash
	for _, file := range []string{inUse, offline} {
		key, err := certs.NewKey()
		if err != nil {
			return register.ServerKeys{}, err
		}
		pem, err := certs.EncodeKey(key)
		if err != nil {
			return register.ServerKeys{}, err
		}
		if err := durable.Replace(file, pem, 0o600); err != nil {
			return register.ServerKeys{}, err
		}
		hash, err := certs.HashOf(&key.PublicKey)
		if err != nil {
			return register.ServerKeys{}, err
		}
		hashes = append(hashes, hash)
	}
	return register.ServerKeys{InUse: hashes[0], Offline: hashes[1]}, nil
}

// NewTLSKeys makes two new TLS keys of a broker, and the card by which the founders name
// them in an entry of the root. Until that is entered, the broker uses the keys before.
func NewTLSKeys(dir string) (card []byte, file string, err error) {
	if err := durable.CheckWriter(dir); err != nil {
		return nil, "", err
	}
	s, err := ReadSettings(dir)
	if err != nil {
		return nil, "", err
	}
	name, err := exchangeOf(s)
	if err != nil {
		return nil, "", err
	}
	var logs []*signed.PrivateKey
	for _, name := range []string{auditKeyFile, registerKeyFile, operatorKeyFile} {
		key, err := readKey(s.key(name))
		if err != nil {
			return nil, "", err
		}
		logs = append(logs, key)
	}
	id := signed.NewID()
	stem := fmt.Sprintf("tls-%x", id[:4])
	servers, err := makeTLSKeys(s.key(stem+".key"), s.key(stem+"-offline.key"))
	if err != nil {
		return nil, "", err
	}
	card, err = register.SignCard(&register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: logs[0].Public, Register: logs[1].Public, Operator: logs[2].Public, ServerKeys: servers,
	}}, logs...)
	if err != nil {
		return nil, "", err
	}
	file = s.key(stem + ".card")
	return card, file, durable.Create(file, card, 0o600)
}

// exchangeOf is the name of the exchange that a broker was installed for.
func exchangeOf(s Settings) (string, error) {
	note, err := durable.ReadFile(s.key(federationFile), durable.MaxSmall)
	if errors.Is(err, fs.ErrNotExist) {
		return "", problem.New(problem.EntryInvalid, "this broker serves no exchange yet: its card is made by init")
	}
	if err != nil {
		return "", fmt.Errorf("read the federation file: %w", err)
	}
	f, err := register.ParseFederation(note)
	if err != nil {
		return "", fmt.Errorf("federation file: %w", err)
	}
	return f.Name, nil
}
