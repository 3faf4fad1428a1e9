package desk

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"samband/certs"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// errOtherServer says that whoever answers where the broker listens has a key that is none
// of the broker's.
var errOtherServer = errors.New("the peer shows a TLS key that is not the broker's")

// A server is what the desk knows of the broker's TLS keys (SPEC §11.1): those of the
// federation file, or of the entry of the root with the highest number that it ever saw,
// in the register or as a file. Once it has met the offline key, it never believes the one
// in use before it again. Both are kept in a file of the folder.
type server struct {
	dir        folder
	federation *register.Federation

	mu   sync.Mutex // over all below
	room *mail.Room // nil until it is open
	kept serverFile
}

// serverFile is what lies in the folder.
type serverFile struct {
	Number     int64       `json:"number"` // of the entry that names the two; 0: the federation file
	InUse      signed.Hash `json:"in_use"`
	Offline    signed.Hash `json:"offline"`
	OfflineMet bool        `json:"offline_met"` // and so the other is not believed any more
}

func openServer(dir folder, fed *register.Federation) (*server, error) {
	kept, err := readServer(dir, fed)
	return &server{dir: dir, federation: fed, kept: kept}, err
}

// readServer reads the file, which is missing while nothing but the federation file is known.
func readServer(dir folder, fed *register.Federation) (s serverFile, err error) {
	text, err := durable.ReadFile(dir.server(), durable.MaxSmall)
	if errors.Is(err, fs.ErrNotExist) {
		return serverFile{InUse: fed.InUse, Offline: fed.Offline}, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read the broker's TLS keys in %s: %w: put the file back from a backup, or take the newest entry of the founders about them: samband-desk broker FILE", dir.server(), err)
	}
	return s, nil
}

func writeServer(dir folder, s serverFile) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the broker's TLS keys: %w", err)
	}
	return durable.Replace(dir.server(), append(text, '\n'), 0o600)
}

// follow makes the register that the desk replays another source.
func (s *server) follow(room *mail.Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = room
}

// refusesKey reports whether the broker refused the key that the desk showed last.
func (s *server) refusesKey() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room != nil && problem.CodeOf(s.room.Unheard()) == problem.CertificateRefused
}

// check is asked for the key of each connection. What the desk learns by it is durable
// before the connection carries anything.
func (s *server) check(key signed.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.kept
	if file, err := readServer(s.dir, s.federation); err == nil && file.Number > now.Number {
		now = file // TakeBrokerKeys put it there
	}
	if s.room != nil {
		if keys, number := s.room.Logs().Register().Now().Servers(); number > now.Number {
			now = serverFile{Number: number, InUse: keys.InUse, Offline: keys.Offline}
		}
	}
	switch {
	case key == now.Offline:
		now.OfflineMet = true
	case key == now.InUse && now.OfflineMet:
		return fmt.Errorf("%w any more: this desk has met the broker's offline key, so its first key was lost or stolen. Ask the operator what listens there", errOtherServer)
	case key != now.InUse:
		return fmt.Errorf("%w: another program listens there, or the broker has new keys. Ask the operator; new keys come in an entry of the founders: samband-desk broker FILE", errOtherServer)
	}
	if now != s.kept {
		if err := writeServer(s.dir, now); err != nil && !durable.NoRoom(err) {
			return fmt.Errorf("keep the broker's TLS keys: %w", err)
		}
		s.kept = now
	}
	return nil
}

// TakeBrokerKeys takes an entry of the root that names new TLS keys of the broker, as a
// file, for a desk that has no connection over which the register would bring it. A desk
// that runs believes it from its next connection on.
func TakeBrokerKeys(dir string, entry []byte) (*register.BrokerKeys, error) {
	f := folder(dir)
	if err := durable.CheckWriter(dir); err != nil {
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
	b, err := register.VerifyBrokerKeys(fed, entry)
	if err != nil {
		return nil, err
	}
	known, err := readServer(f, fed)
	if err == nil && known.Number >= b.Number {
		return nil, fmt.Errorf("this desk knows the broker's TLS keys by an entry of number %d already, and this one has %d", known.Number, b.Number)
	}
	return b, writeServer(f, serverFile{Number: b.Number, InUse: b.InUse, Offline: b.Offline})
}

// Enter hands in a register entry, whoever signed it.
func (d *Desk) Enter(ctx context.Context, entry []byte) (*client.Entered, error) {
	return d.room.Enter(ctx, entry)
}

// shown is the certificate that the desk shows: where one lies in the folder, what the PKI
// of its organisation issued for its key, else its own.
func (f folder) shown(desk signed.Address, key *ecdsa.PrivateKey) (*tls.Certificate, error) {
	cert, err := f.readCertificate()
	if errors.Is(err, fs.ErrNotExist) {
		return certs.Own(key, string(desk), certs.Client)
	}
	if err != nil {
		return nil, err
	}
	return certs.Pair(cert, key), nil
}
