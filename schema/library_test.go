package schema

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"samband/gateway/problem"
)

// edited is the bundle of the embedded catalogue with one file made of another.
func edited(t *testing.T, from, to string, edit func(string) string) *Bundle {
	t.Helper()
	all := copied(t)
	all[to] = &fstest.MapFile{Data: []byte(edit(string(all[from].Data)))}
	b, err := NewBundle(all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func library(t *testing.T, bundles ...*Bundle) *Library {
	t.Helper()
	l := NewLibrary()
	for _, b := range bundles {
		c, err := b.Catalogue()
		if err != nil {
			t.Fatal(err)
		}
		l.Add(b.Hash, c)
	}
	return l
}

// A type that only a bundle has is found by its hash; one that several have is the
// first one's, with the labels there.
func TestLibrary(t *testing.T) {
	const typeFile, labelFile = "types/REMINDER-1.0.json", "labels/types/REMINDER.json"
	newer := edited(t, typeFile, "types/REMINDER-1.1.json", func(s string) string { return strings.Replace(s, `"1.0"`, `"1.1"`, 1) })
	relabelled := edited(t, labelFile, labelFile, func(s string) string { return strings.ReplaceAll(s, "Reminder", "Nudge") })
	l := library(t, newer, relabelled, newer)

	if all, want := l.Types(), len(Embedded().Types())+1; len(all) != want {
		t.Errorf("%d types, want %d", len(all), want)
	}
	for _, b := range []*Bundle{EmbeddedBundle(), newer, relabelled} {
		if !l.Has(b.Hash) {
			t.Errorf("it lacks %s", b.Hash)
		}
	}
	if l.Has(BundleHash{}) {
		t.Error("it has what nobody added")
	}
	c, err := newer.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	added, _ := c.Find("REMINDER", "1.1")
	old, _ := Embedded().Find("REMINDER", "1.0")
	if got, ok := l.FindHash(added.Hash); !ok || got.Version != "1.1" {
		t.Errorf("the added type: %v, %v", got, ok)
	}
	if got, ok := l.FindHash(old.Hash); !ok || got != old {
		t.Errorf("the embedded type: %v, %v", got, ok)
	}
	if _, ok := NewLibrary().FindHash(added.Hash); ok {
		t.Error("another library has the added type")
	}
}

// A bundle costs what is new in it: a type of this program's own catalogue is not
// compiled again, however its labels differ; a type whose file differs is, and checks by
// its own schema.
func TestBundleSharesSchemas(t *testing.T) {
	const file = "types/REMINDER-1.0.json"
	b := edited(t, file, file, func(s string) string {
		return strings.Replace(s, `"body": {`, `"body": {"maxProperties": 1, `, 1)
	})
	c, err := b.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for i, own := range Embedded().Types() {
		if got := c.Types()[i]; (got.body == own.body) != (got.Name != "REMINDER") {
			t.Errorf("%s shares its schema: %v", got.Name, got.body == own.body)
		}
	}
	changed, _ := c.Find("REMINDER", "1.0")
	own, _ := Embedded().Find("REMINDER", "1.0")
	body := sample(t, "case/08-reminder.json")
	if err := own.Validate(body); err != nil {
		t.Errorf("by the program's own schema: %v", err)
	}
	if err := changed.Validate(body); problem.CodeOf(err) != problem.BodyInvalid {
		t.Errorf("by the changed schema: %v", err)
	}
}

// Libraries are read while bundles come.
func TestLibraryAtOnce(t *testing.T) {
	l := NewLibrary()
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			l.Add(BundleHash{byte(n + 1)}, &Catalogue{types: []*Type{{Ref: Ref{Name: "NEW", Version: fmt.Sprintf("1.%d", n), Hash: [32]byte{byte(n + 1)}}}}})
			l.Types()
		})
	}
	all.Wait()
	for n := range 8 {
		if _, ok := l.FindHash([32]byte{byte(n + 1)}); !ok || !l.Has(BundleHash{byte(n + 1)}) {
			t.Errorf("the type of bundle %d was lost", n)
		}
	}
}

// What can't serve as a catalogue is refused as a whole, and in time, whatever the
// hash says of its files.
func TestUnfitBundles(t *testing.T) {
	const file = "types/REMINDER-1.0.json"
	for want, edit := range map[string]func(string) string{
		"ends too early":   func(string) string { return "{" },
		"not the file":     func(s string) string { return strings.Replace(s, "REMINDER", "REMANDER", 1) },
		"does not compile": func(s string) string { return strings.Replace(s, `"body": {`, `"body": {"pattern": "(", `, 1) },
		"REMINDER 1.0":     func(s string) string { return strings.Replace(s, `"body": {`, `"body": {"minLength": "two", `, 1) },
	} {
		_, err := edited(t, file, file, edit).Catalogue()
		if problem.CodeOf(err) != problem.BundleInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one about %q", err, want)
		}
	}
}

// Definitions that refer to others many times each are few lines, and more places than
// any machine has room for.
func TestTooManyPlaces(t *testing.T) {
	var defs []string
	for n := range 12 {
		var fields []string
		for m := range 8 {
			fields = append(fields, fmt.Sprintf(`"f%d": {"$ref": "#/$defs/d%d"}`, m, n+1))
		}
		defs = append(defs, fmt.Sprintf(`"d%d": {"type": "object", "properties": {%s}}`, n, strings.Join(fields, ", ")))
	}
	part := fmt.Sprintf(`{"$defs": {%s, "d12": {"type": "string"}}}`, strings.Join(defs, ", "))
	const file = "types/REMINDER-1.0.json"
	all := copied(t)
	all["parts/many-1.json"] = &fstest.MapFile{Data: []byte(part)}
	typ := string(all[file].Data)
	typ = strings.Replace(typ, `"parts": {`, fmt.Sprintf(`"parts": {"parts/many-1.json": "%x", `, sha256.Sum256([]byte(part))), 1)
	typ = strings.Replace(typ, `{"type": "boolean"}`, `{"$ref": "../parts/many-1.json#/$defs/d0"}`, 1)
	all[file] = &fstest.MapFile{Data: []byte(typ)}
	b, err := NewBundle(all)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Catalogue(); problem.CodeOf(err) != problem.BundleInvalid || !strings.Contains(err.Error(), "places") {
		t.Error(err)
	}
}
