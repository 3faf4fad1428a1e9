package bundles

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"samband/gateway/problem"
	"samband/schema"
)

func bundle(t *testing.T, content string) *schema.Bundle {
	t.Helper()
	b, err := schema.NewBundle(fstest.MapFS{"codes/colour-1.json": {Data: []byte(content)}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBundles(t *testing.T) {
	f := Folder(filepath.Join(t.TempDir(), "data", "catalogue"))
	give := func(b *schema.Bundle, want problem.Code) {
		t.Helper()
		got, err := f.Catalogue(t.Context(), "fi.spoc", b.Hash)
		if want == "" && (err != nil || !bytes.Equal(got, b.Zip)) || want != "" && problem.CodeOf(err) != want {
			t.Errorf("%d bytes, %v; want %q", len(got), err, want)
		}
		if err := f.Check(b.Hash); (err == nil) != (want == "") {
			t.Errorf("it says of the bundle: %v", err)
		}
	}
	own, red, blue := schema.EmbeddedBundle(), bundle(t, `"red"`), bundle(t, `"blue"`)
	give(own, "")
	give(red, problem.BundleMissing)
	for range 2 { // once more does no harm
		if err := f.Add(red); err != nil {
			t.Fatal(err)
		}
	}
	give(red, "")
	give(blue, problem.BundleMissing)
	give(own, "")

	// The disk has something else under the name.
	for what, content := range map[string][]byte{"another bundle": blue.Zip, "half of it": red.Zip[:len(red.Zip)/2], "nothing": nil} {
		if err := os.WriteFile(f.path(red.Hash), content, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Log(what)
		give(red, problem.BundleMissing)
		if err := f.Check(red.Hash); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), f.path(red.Hash)) {
			t.Errorf("%s: it says %v", what, err)
		}
	}
	if err := f.Add(red); err != nil {
		t.Fatal(err)
	}
	give(red, "")
}
