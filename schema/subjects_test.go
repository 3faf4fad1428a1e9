package schema

import (
	"encoding/json"
	"slices"
	"testing"
)

// A person is told by each name of each identity, with the birth date of that identity;
// a key that stands in the object alone goes with each.
func TestSubjects(t *testing.T) {
	typ, _ := Embedded().Find("ANSWER", "1.0")
	var members map[string]any
	if err := json.Unmarshal(sample(t, "case/04-answer.json"), &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"organisations", "identity_documents", "locations", "communications", "relations"} {
		delete(members, name)
	}
	members["persons"] = json.RawMessage(`[{"id": "P1", "category": "SUSPECT", "identities": [
		{"kind": "CONFIRMED", "names": [{"kind": "PRIMARY", "family": "Berg", "given": "Åsa"}, {"kind": "ALIAS", "full": "Asa B"}], "birth_date": "1985-04"},
		{"kind": "CLAIMED", "birth_date": "1987"}]}, {"id": "P2", "category": "WITNESS", "description": "Tall"}]`)
	members["vehicles"] = json.RawMessage(`[{"id": "V1", "kind": "CAR", "plate": "ABC 123", "vin": "YV1AAA"}]`)
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	b, err := typ.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range b.Subjects() {
		keys, _ := json.Marshal(s.Keys) // sorted by name
		got = append(got, s.Path+" "+s.Kind+" "+string(keys))
	}
	want := []string{
		`/persons/0 NOMINAL {"birth_date":"1985-04","family":"Berg","given":"Åsa"}`,
		`/persons/0 NOMINAL {"birth_date":"1985-04","full":"Asa B"}`,
		`/persons/0 NOMINAL {"birth_date":"1987"}`,
		`/vehicles/0 VEHICLE {"plate":"ABC 123","vin":"YV1AAA"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("subjects:\n%q\nwant\n%q", got, want)
	}
}
