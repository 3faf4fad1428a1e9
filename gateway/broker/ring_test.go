package broker_test

import (
	"testing"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A connection has shown the locked ring by the desk's own statement key in force, for
// this exchange and this connection, and by nothing else.
func TestShowingTheRing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	statement := func(h *keyedDesk) []*signed.PrivateKey { return h.Message[:1:1] }
	show := func(edit func(*api.Shown), keys []*signed.PrivateKey) error {
		return se.client.Ring(t.Context(), func(exporter signed.Hash) ([]byte, error) {
			shown := &api.Shown{Exchange: w.register.Exchange(), Signer: "se.spoc", Exporter: exporter}
			edit(shown)
			return w.sign(shown.Text(), keys), nil
		})
	}
	as := func(*api.Shown) {}
	for name, c := range map[string]struct {
		edit func(*api.Shown)
		keys []*signed.PrivateKey
		code problem.Code
	}{
		"by the online ring":        {as, se.Consignment, problem.SignatureMissing},
		"by both rings":             {as, append(statement(se), se.Consignment...), problem.SignatureExtra},
		"by another desk":           {as, statement(fi), problem.SignatureMissing},
		"in another desk's name":    {func(s *api.Shown) { s.Signer = "fi.spoc" }, statement(fi), problem.CertificateWrong},
		"in another exchange":       {func(s *api.Shown) { s.Exchange[0]++ }, statement(se), problem.WrongExchange},
		"for another connection":    {func(s *api.Shown) { s.Exporter[0]++ }, statement(se), problem.SignatureInvalid},
		"for a connection of zeros": {func(s *api.Shown) { s.Exporter = signed.Hash{} }, statement(se), problem.SignatureInvalid},
	} {
		if err := show(c.edit, c.keys); problem.CodeOf(err) != c.code {
			t.Errorf("%s: %v, expected %s", name, err, c.code)
		}
	}
	raw := func(note []byte) error {
		return se.client.Ring(t.Context(), func(signed.Hash) ([]byte, error) { return note, nil })
	}
	if err := raw([]byte("samband/connection/v1\n")); problem.CodeOf(err) != problem.TextMalformed {
		t.Errorf("what is no note: %v", err)
	}
	if err := raw(make([]byte, 1<<10+1)); problem.CodeOf(err) != problem.Oversize {
		t.Errorf("too long a note: %v", err)
	}
	check(t, show(as, statement(se)))

	revoked := w.party("se", func(l register.Link) register.Entry {
		return &register.Revocation{Link: l, Desk: "se.spoc", Rings: w.rings("se.spoc", register.Locked)}
	})
	_, err := r.Enter(t.Context(), revoked)
	check(t, err)
	if err := show(as, statement(se)); problem.CodeOf(err) != problem.KeyRevoked {
		t.Errorf("by a revoked ring: %v", err)
	}
}
