package schema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// plainly writes a view for a test: one line for each label and value.
func plainly(v View, indent string, b *strings.Builder) {
	b.WriteString(indent + strings.Join(strings.Fields(v.Label+" "+v.Number+" "+v.ID), " "))
	if len(v.Values) > 0 {
		b.WriteString(" = " + strings.Join(v.Values, " | "))
	}
	b.WriteString("\n")
	for _, p := range v.Parts {
		plainly(p, indent+"  ", b)
	}
}

const viewed = `{
  "relations": [{"to": "V1", "kind": "OWNS", "from": "P2"}],
  "persons": [
    {"identities": [{"names": [{"given": "Märta", "kind": "PRIMARY", "family": "Lindqvist Haddad"}], "kind": "PRESUMED", "nationalities": ["SWE", "XXA"], "birth_date": "--04-12"}], "category": "WITNESS", "id": "P1"},
    {"id": "P2", "category": "SUSPECT", "description": "one\r\ntwo"}
  ],
  "vehicles": [{"id": "V1", "kind": "CAR", "plate": "ABC 123", "plate_country": "FIN", "year": 2019}],
  "locations": [{"longitude": -1e-05, "latitude": 51.4779, "kind": "OTHER", "id": "L1"}],
  "events": [{"id": "E1", "kind": "OTHER", "location": "L1", "description": "x"}, {"id": "E2", "kind": "OTHER", "at": "2026-11-28T14:30:00Z"}]
}`

// What is shown follows the schema, whatever the order of members: no value of one
// person stands under another.
func TestView(t *testing.T) {
	typ, body := withParts(t, viewed)
	zone := time.FixedZone("CET", 3600)
	view, err := typ.View(body, "en", zone)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, p := range view.Parts {
		plainly(p, "", &b)
	}
	const want = `Person 1 of 2 P1
  Category of data subject = Witness
  Identity
    Kind of identity = Presumed identity
    Name
      Kind of name = Name in use
      Family name = Lindqvist Haddad
      Given names = Märta
    Born on = 04-12, year not known
    Nationalities = Sweden | Stateless person
Person 2 of 2 P2
  Category of data subject = Suspected of an offence
  Appearance and marks = one\r\ntwo
Vehicle V1
  Kind of vehicle = Car
  Number plate = ABC 123
  Country of the plate = Finland
  Year of make = 2019
Location L1
  Kind of location = Other
  Latitude, WGS 84 = 51.4779
  Longitude, WGS 84 = -0.00001
Event 1 of 2 E1
  Kind of event = Other
  Where = L1: Location, Other
  What happened = x
`
	const relation = `Relation
  From = P2: Person, Suspected of an offence
  Kind of relation = Owns
  To = V1: Vehicle, ABC 123 FIN
`
	got := "\n" + strings.ReplaceAll(b.String(), "\r\n", `\r\n`)
	for _, part := range []string{want, relation, " = 2026-11-28 15:30 CET\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("the view lacks\n%s\nit is%s", part, got)
		}
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(members) // by name
	if err != nil {
		t.Fatal(err)
	}
	again, err := typ.View(sorted, "en", zone)
	if err != nil || !reflect.DeepEqual(again, view) {
		t.Errorf("in another order of members it is %+v, %v", again, err)
	}
}

// withParts puts members into a valid body.
func withParts(t *testing.T, members string) (*Type, []byte) {
	t.Helper()
	typ, _ := Embedded().Find("INFO_REQUEST", "1.0")
	var all, more map[string]json.RawMessage
	if err := json.Unmarshal(sample(t, "case/01-info-request.json"), &all); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"persons", "vehicles", "identity_documents", "locations", "events", "communications", "relations", "attachments"} {
		delete(all, name)
	}
	if err := json.Unmarshal([]byte(members), &more); err != nil {
		t.Fatal(err)
	}
	for name, value := range more {
		all[name] = value
	}
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return typ, body
}

// A view is in the reader's language, and what is not valid has none.
func TestViewSpeaks(t *testing.T) {
	typ, _ := Embedded().Find("REMINDER", "1.0")
	body := sample(t, "case/08-reminder.json")
	for _, lang := range []string{"en", "sv", "ar"} {
		want := Screen(lang, "yes")
		view, err := typ.View(body, lang, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		plainly(*view, "", &b)
		if !strings.Contains(b.String(), " = "+want+"\n") {
			t.Errorf("in %s it is\n%s", lang, &b)
		}
	}
	if view, err := typ.View([]byte(`{"subject": 1}`), "en", time.UTC); err == nil {
		t.Errorf("what is not valid is shown as %+v", view)
	}
}

func TestPlainNumber(t *testing.T) {
	for num, want := range map[string]string{"-1e-05": "-0.00001", "1.50": "1.50", "12E2": "1200", "0e0": "0", "1.5e1": "15"} {
		if got := plainNumber(num); got != want {
			t.Errorf("%s is shown as %s", num, got)
		}
	}
}

// FuzzView: what Read takes has a view, with no place that is empty, and each text of
// the body that is no code stands in it as it was spelled.
func FuzzView(f *testing.F) {
	typ, _ := Embedded().Find("ANSWER", "1.0")
	for _, name := range []string{"case/04-answer.json", "case/11-answer.partial.json"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		view, err := typ.View(body, "ar", time.UTC)
		b, refused := typ.Read(body)
		if (err == nil) != (refused == nil) {
			t.Fatalf("Read says %v, View %v", refused, err)
		}
		if err != nil {
			return
		}
		var shown strings.Builder
		plainly(*view, "", &shown)
		if subject := b.Summary.Subject; !strings.Contains(shown.String(), subject) {
			t.Errorf("%q is not in\n%s", subject, &shown)
		}
	})
}

// A place is told by the labels on the way to it, and its items as people count.
func TestPath(t *testing.T) {
	typ, _ := Embedded().Find("INFO_REQUEST", "1.0")
	for pointer, want := range map[string]string{
		"":                                      "",
		"/subject":                              "Subject",
		"/persons/0/identities/1/names/0/given": "Person 1, Identity 2, Name 1, Given names",
		"/offence_area/2":                       "Offence area 3",
		"/persons/0/nothing":                    "Person 1",
	} {
		if got := typ.In("en").Path(pointer); got != want {
			t.Errorf("%s is %q, not %q", pointer, got, want)
		}
		if at := typ.At(pointer); (at == nil) != strings.HasSuffix(pointer, "nothing") {
			t.Errorf("%s leads to %v", pointer, at)
		}
	}
}
