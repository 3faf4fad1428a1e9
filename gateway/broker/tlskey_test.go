package broker_test

import (
	"testing"
	"time"

	"samband/certs"
	"samband/gateway/problem"
)

// A certificate that a desk's own CA issued for another key than the register
// names does not connect: neither the CA nor a stolen old key is enough.
func TestCertificateForAnotherKey(t *testing.T) {
	w := newWorld(t)
	r := w.start()
	h := w.desks["se.spoc"]
	var err error
	h.TLS, err = certs.NewKey()
	check(t, err)
	request, err := h.Request()
	check(t, err)
	issued, err := w.Parties["se"].CA.Issue(request, time.Now())
	check(t, err)
	h.Certificate = issued.Certificate
	h.connect(r.Address())
	_, err = h.client.Register(t.Context(), h.heads(), 0, 1, 0)
	if problem.CodeOf(err) != problem.CertificateRefused {
		t.Fatalf("got %v, want %s", err, problem.CertificateRefused)
	}
}
