package broker

import (
	"errors"
	"fmt"
	"strings"

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
	tlsKeyFile      = "tls.key"
	offlineKeyFile  = "tls-offline.key" // to be taken away from here, until the first is lost
	cardFile        = "card"            // what the founders put into the federation file
	federationFile  = "federation"      // the exchange, once it is founded
	markFile        = "initialised"     // data was made once: it is never made again
)

// keyring is the keys folder, read.
type keyring struct {
	register    *register.Register // begun with the federation file
	auditKey    *signed.PrivateKey
	registerKey *signed.PrivateKey
	mac         []byte
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
	return k, k.belong()
}

// belong checks that these keys are those that the federation file names.
func (k *keyring) belong() error {
	f := k.register.Federation()
	for what, same := range map[string]bool{
		"audit key":    f.Audit.VerifierKey() == k.auditKey.Public.VerifierKey(),
		"register key": f.Register.VerifierKey() == k.registerKey.Public.VerifierKey(),
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
