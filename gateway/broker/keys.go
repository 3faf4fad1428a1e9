package broker

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"samband/certs"
	"samband/gateway/durable"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// Files of the keys folder. It is small, is backed up once, offline, and is
// never stored beside the data.
const (
	auditKeyFile    = "audit.key"
	registerKeyFile = "register.key"
	operatorKeyFile = "operator.key"
	macFile         = "mac.key" // authenticates what lies in JOURNAL
	caKeyFile       = "ca.key"
	caFile          = "ca.crt"
	cardFile        = "card"        // what the founders put into the federation file
	federationFile  = "federation"  // the exchange, once it is founded
	markFile        = "initialised" // data was made once: it is never made again
)

// keyring is the keys folder, read.
type keyring struct {
	register    *register.Register // begun with the federation file
	auditKey    *signed.PrivateKey
	registerKey *signed.PrivateKey
	mac         []byte
	ca          *x509.Certificate
	caKey       *ecdsa.PrivateKey
}

// loadKeys reads the keys and compares them with the federation file.
func loadKeys(s Settings, federation []byte) (_ *keyring, err error) {
	k := &keyring{}
	if k.register, err = register.New(federation); err != nil {
		return nil, fmt.Errorf("federation file: %w", err)
	}
	if k.auditKey, err = readKey(s.key(auditKeyFile)); err != nil {
		return nil, err
	}
	if k.registerKey, err = readKey(s.key(registerKeyFile)); err != nil {
		return nil, err
	}
	line, err := durable.ReadFile(s.key(macFile), durable.MaxSmall)
	if err != nil {
		return nil, fmt.Errorf("read MAC key: %w", err)
	}
	if k.mac, err = signed.DecodeBytes(strings.TrimSuffix(string(line), "\n"), 32); err != nil || len(k.mac) != 32 {
		return nil, errors.New("the MAC key is not 32 bytes in base64")
	}
	if k.ca, k.caKey, err = readCA(s); err != nil {
		return nil, err
	}
	return k, k.belong()
}

// belong checks that these keys are those that the federation file names.
func (k *keyring) belong() error {
	f := k.register.Federation()
	for what, same := range map[string]bool{
		"audit key":              f.Audit.VerifierKey() == k.auditKey.Public.VerifierKey(),
		"register key":           f.Register.VerifierKey() == k.registerKey.Public.VerifierKey(),
		"broker's CA":            string(f.BrokerCA) == string(k.ca.Raw),
		"key of the broker's CA": k.caKey.PublicKey.Equal(k.ca.PublicKey),
	} {
		if !same {
			return fmt.Errorf("the federation file names another %s than the one in the keys folder", what)
		}
	}
	return nil
}

func readKey(path string) (*signed.PrivateKey, error) {
	b, err := durable.ReadFile(path, durable.MaxSmall)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	k, err := signed.DecodePrivateKey(strings.TrimSuffix(string(b), "\n"))
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

func readCA(s Settings) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	crt, err := durable.ReadFile(s.key(caFile), durable.MaxSmall)
	if err != nil {
		return nil, nil, fmt.Errorf("read broker's CA: %w", err)
	}
	ca, err := certs.DecodeCertificate(crt)
	if err != nil {
		return nil, nil, fmt.Errorf("broker's CA: %w", err)
	}
	pem, err := durable.ReadFile(s.key(caKeyFile), durable.MaxSmall)
	if err != nil {
		return nil, nil, fmt.Errorf("read key of broker's CA: %w", err)
	}
	key, err := certs.DecodeKey(pem)
	if err != nil {
		return nil, nil, fmt.Errorf("key file %s: %w", s.key(caKeyFile), err)
	}
	return ca, key, nil
}

// An identity is the broker's server certificate. It issues itself a new one,
// with a key that never leaves memory, when a third of its life is over, so a
// broker that runs for months never falls silent; and when the clock is before
// its life, so one that was wrong for a moment does no more.
type identity struct {
	keys  *keyring
	hosts []string
	now   func() time.Time

	mu   sync.Mutex // over pair
	pair *tls.Certificate
}

// current is the certificate to show now.
func (i *identity) current() (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if i.pair != nil && !now.Before(i.pair.Leaf.NotBefore) && now.Before(i.pair.Leaf.NotAfter.Add(-certs.Lifetime*2/3)) {
		return i.pair, nil
	}
	key, err := certs.NewKey()
	if err != nil {
		return nil, err
	}
	cert, err := certs.IssueBroker(i.keys.ca, i.keys.caKey, i.hosts, &key.PublicKey, now)
	if err != nil {
		return nil, err
	}
	pair := certs.Pair(cert, key)
	i.pair = &pair
	return i.pair, nil
}
