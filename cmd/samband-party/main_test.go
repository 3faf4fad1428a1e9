package main

import (
	"fmt"
	"os"
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
			"renewed-card": renewedCard,
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
	audit, log, operator := key(name+"/audit"), key(name+"/register"), key(register.OperatorName(name))
	card, err := register.SignCard(&register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: audit.Public, Register: log.Public, Operator: operator.Public, ServerKeys: register.ServerKeys{InUse: signed.HashOf("TLS key in use"), Offline: signed.HashOf("TLS key offline")},
	}}, audit, log, operator)
	ts.Check(err)
	ts.Check(os.WriteFile(file, card, 0o644))
	for name, k := range map[string]*signed.PrivateKey{".logkey": log, ".auditkey": audit, ".operatorkey": operator} {
		ts.Check(os.WriteFile(file+name, []byte(k.Encode()), 0o600))
	}
}

// renewed-card CARD FILE writes the card of the same broker with other TLS keys.
func renewedCard(ts *testscript.TestScript, _ bool, args []string) {
	card, err := register.ParseBrokerCard([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	var keys []*signed.PrivateKey
	for _, name := range []string{".auditkey", ".logkey", ".operatorkey"} {
		k, err := signed.DecodePrivateKey(ts.ReadFile(args[0] + name))
		ts.Check(err)
		keys = append(keys, k)
	}
	card.ServerKeys = register.ServerKeys{InUse: card.Offline, Offline: signed.HashOf("TLS key, another one")}
	renewed, err := register.SignCard(card, keys...)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), renewed, 0o644))
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
	_, opening, err := seal.NewOpeningKey()
	ts.Check(err)
	card, err := register.SignRequest(&register.Request{
		Exchange: fed.Hash(), Address: signed.Address(args[1]), Zone: "Europe/Helsinki",
		DeskKeys: register.DeskKeys{
			Message: signed.PublicKeys(message), Consignment: signed.PublicKeys(receipts),
			Opening: opening, Versions: []int64{1},
		},
	}, key, append(message, receipts...)...)
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
		fmt.Fprintf(ts.Stdout(), "party %s %q\n", p.Name, p.Title)
	}
	for _, d := range v.Desks() {
		caller, err := v.Caller(d.TLS, now)
		fmt.Fprintf(ts.Stdout(), "desk %s connects=%t online-revoked=%t locked-revoked=%t\n", d.Address,
			caller == d.Address && err == nil, v.Revoked(d.Address, register.Online), v.Revoked(d.Address, register.Locked))
	}
	for _, a := range v.AgreementsBetween("fi", "se", now) {
		fmt.Fprintf(ts.Stdout(), "in force %q\n", a.Title)
	}
	keys, number := v.Servers()
	fmt.Fprintf(ts.Stdout(), "broker keys %d, another offline key: %t\n", number, keys.Offline != r.Federation().Offline)
}
