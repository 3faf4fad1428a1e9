package broker_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"samband/gateway/broker"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/schema"
)

// Desks fetch the bundle that the broker was built with, and each that the operator
// gave it; what the register names and the broker lacks, its operator is told.
func TestBundles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start()
	fetch := func(b *schema.Bundle, want problem.Code) {
		t.Helper()
		got, err := w.desks["fi.spoc"].client.Catalogue(t.Context(), b.Hash)
		if want != "" {
			wants(t, err, want)
			return
		}
		check(t, err)
		if !bytes.Equal(got.Zip, b.Zip) {
			t.Error("another bundle came")
		}
	}
	lacks := func(want ...schema.BundleHash) {
		t.Helper()
		if got := r.Started().Lacks; !slices.Equal(got, want) {
			t.Errorf("it lacks %v, want %v", got, want)
		}
	}
	fetch(schema.EmbeddedBundle(), "")
	lacks()

	next, err := schema.NewBundle(fstest.MapFS{"types/NEXT-1.0.json": {Data: []byte("{}")}})
	check(t, err)
	text, err := w.Founders[0].DraftCatalogue(next.Hash, gatewaytest.Types())
	check(t, err)
	draft, err := w.Founders[0].Sign(text)
	check(t, err)
	_, err = r.Enter(t.Context(), w.enter(draft.Note))
	check(t, err)
	lacks(next.Hash)
	fetch(next, problem.BundleMissing)

	check(t, broker.AddBundle(w.dir, next))
	lacks()
	fetch(next, "")
	fetch(schema.EmbeddedBundle(), "") // older messages may be of its types

	r.stop()
	r = w.start()
	fetch(next, "")

	// What the disk damaged is lacking, and its file is named.
	file := w.path("catalogue", next.Hash.Hex()+".zip")
	check(t, os.Truncate(file, int64(len(next.Zip)/2)))
	lacks(next.Hash)
	fetch(next, problem.BundleMissing)
	if said := r.Started().Damaged; len(said) != 1 || !strings.Contains(said[0], file) {
		t.Errorf("it says %q", said)
	}
	check(t, broker.AddBundle(w.dir, next))
	lacks()
	fetch(next, "")
}
