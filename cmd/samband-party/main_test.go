package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"samband/certs"
	"samband/cmd/internal/scripts"
	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

func TestMain(m *testing.M) {
	syscall.Umask(0) // the programs set the modes themselves
	testscript.Main(m, map[string]func(){"samband-party": main})
}

// The stories begin with empty folders. What a broker, a desk and the register
// do in them, three commands stand for.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"broker-card":  brokerCard,
			"desk-request": deskRequest,
			"replay":       replay,
			"private":      scripts.Private,
			"open":         scripts.Open,
		},
	})
}

// broker-card NAME FILE writes the card of a new broker, and its log key beside.
func brokerCard(ts *testscript.TestScript, _ bool, args []string) {
	name, file := args[0], ts.MkAbs(args[1])
	key := func(n string) *signed.PrivateKey {
		keys, err := signed.GenerateKeys(n, signed.UseCheckpoint)
		ts.Check(err)
		return keys[0]
	}
	ca, _, err := certs.NewBrokerCA(name, time.Now())
	ts.Check(err)
	audit, log, operator := key(name+"/audit"), key(name+"/register"), key(register.OperatorName(name))
	card, err := register.SignCard(&register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: audit.Public, Register: log.Public, Operator: operator.Public, BrokerCA: ca.Raw,
	}}, audit, log, operator)
	ts.Check(err)
	ts.Check(os.WriteFile(file, card, 0o644))
	ts.Check(os.WriteFile(file+".logkey", []byte(log.Encode()), 0o600))
}

// desk-request FEDERATION ADDRESS FILE writes the request of a new desk.
func deskRequest(ts *testscript.TestScript, _ bool, args []string) {
	fed, err := register.ParseFederation([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	message, err := signed.GenerateKeys(args[1], signed.UseMessage)
	ts.Check(err)
	receipts, err := signed.GenerateKeys(args[1], signed.UseConsignment)
	ts.Check(err)
	key, err := certs.NewKey()
	ts.Check(err)
	der, err := certs.MarshalPublicKey(&key.PublicKey)
	ts.Check(err)
	_, opening, err := seal.NewOpeningKey()
	ts.Check(err)
	card, err := register.SignCard(&register.Request{
		Exchange: fed.Hash(), Address: signed.Address(args[1]), Zone: "Europe/Helsinki",
		DeskKeys: register.DeskKeys{
			Message: signed.PublicKeys(message), Consignment: signed.PublicKeys(receipts),
			Opening: opening, Versions: []int64{1},
		},
		TLS: der,
	}, append(message, receipts...)...)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), card, 0o644))
}

// replay CARD LOG FEDERATION ENTRY... makes a register of the entries, as a
// broker does, prints what is in force and writes its log folder; negated, the
// last entry must be refused.
func replay(ts *testscript.TestScript, neg bool, args []string) {
	card, log, federation, files := args[0], args[1], []byte(ts.ReadFile(args[2])), args[3:]
	r, err := register.New(federation)
	ts.Check(err)
	for i, file := range files {
		_, err := r.Append([]byte(ts.ReadFile(file)))
		if neg && i == len(files)-1 {
			if err == nil {
				ts.Fatalf("%s was not refused", file)
			}
			fmt.Fprintln(ts.Stdout(), err)
			return
		}
		ts.Check(err)
	}
	key, err := signed.DecodePrivateKey(ts.ReadFile(card + ".logkey"))
	ts.Check(err)
	dir := ts.MkAbs(log)
	ts.Check(os.MkdirAll(dir, 0o755))
	tiles, err := tree.Open(dir, key.Public)
	ts.Check(err)
	_, err = tiles.Append(r.Entries(tiles.Head().Size)...)
	ts.Check(err)
	checkpoint, err := auditlog.SignCheckpoint(r.Head(), key)
	ts.Check(err)
	ts.Check(tiles.Flush(checkpoint))
	report(ts, r)
}

func report(ts *testscript.TestScript, r *register.Register) {
	v, now := r.Now(), signed.At(time.Now())
	for _, p := range v.Parties() {
		fmt.Fprintf(ts.Stdout(), "party %s %q ca=%t\n", p.Name, p.Title, v.CA(p.Name) != nil)
	}
	for _, d := range v.Desks() {
		fmt.Fprintf(ts.Stdout(), "desk %s online-revoked=%t locked-revoked=%t\n", d.Address,
			v.Revoked(d.Address, register.Online), v.Revoked(d.Address, register.Locked))
	}
	for _, a := range v.AgreementsBetween("fi", "se", now) {
		fmt.Fprintf(ts.Stdout(), "in force %q\n", a.Title)
	}
	// Certificates lie where a desk would find them.
	files, err := filepath.Glob(ts.MkAbs("parties/*/ca/issued/*.pem"))
	ts.Check(err)
	for _, file := range files {
		cert, err := certs.DecodeCertificate([]byte(ts.ReadFile(file)))
		ts.Check(err)
		who, err := certs.Check([]*x509.Certificate{cert}, r.Federation().Name, v.CA, time.Now())
		fmt.Fprintf(ts.Stdout(), "certificate %s %v\n", strings.TrimSuffix(filepath.Base(file), ".pem"), who != "" && err == nil)
	}
}
