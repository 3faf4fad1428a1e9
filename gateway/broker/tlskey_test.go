package broker_test

import (
	"testing"

	"samband/certs"
	"samband/gateway/problem"
)

// A desk's program with another TLS key than the register names does not connect: its other
// keys are not enough.
func TestAnotherTLSKey(t *testing.T) {
	w := newWorld(t)
	r := w.start()
	h := w.desks["se.spoc"]
	var err error
	h.TLS, err = certs.NewKey()
	check(t, err)
	h.connect(r.Address())
	_, err = h.client.Register(t.Context(), h.heads(), 0, 1, 0)
	if problem.CodeOf(err) != problem.CertificateRefused {
		t.Fatalf("got %v, want %s", err, problem.CertificateRefused)
	}
}
