package schema

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// Every sample of a type that machines answer is a query, and each reply that a machine
// makes to it is valid and repeats what both have in common.
func TestMachineReply(t *testing.T) {
	answered := 0
	for _, typ := range Embedded().Types() {
		with, ok := Embedded().Find(typ.MachineReply(), "1.0")
		if !ok {
			continue
		}
		paths, _ := filepath.Glob("testdata/types/" + typ.Name + "/*.json")
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			query, err := typ.Read(b)
			if err != nil {
				t.Fatal(p, err)
			}
			q, ok := query.Query()
			if !ok || q.Dataset == "" || len(q.Keys) == 0 || q.Reason == "" {
				t.Errorf("%s: read as %+v", p, q)
			}
			for _, o := range with.Outcomes() {
				a := MachineAnswer{Outcome: o, OurReference: "ours-1"}
				if o != "NO_HIT" {
					a.Match = "match-1"
				}
				draft, err := query.MachineReply(with, a)
				if err != nil {
					t.Fatal(p, err)
				}
				reply, err := with.Read(with.Fill(draft, Filling{Answered: query}))
				if err != nil {
					t.Errorf("%s answered by %s: %v", p, o, err)
					continue
				}
				s, asked := reply.Summary, query.Summary
				if reply.Outcome != o || s.OurReference != "ours-1" || s.YourReference != asked.OurReference ||
					s.Subject != asked.Subject || s.Language != asked.Language || reply.Sealed.Purpose != query.Sealed.Purpose {
					t.Errorf("%s answered by %s: %+v", p, o, reply.Summary)
				}
				answered++
			}
		}
	}
	if answered < 12 {
		t.Errorf("only %d replies", answered)
	}
}

// What a query of a vehicle says, and nothing of who asks it.
func TestQuery(t *testing.T) {
	typ, _ := Embedded().Find("HIT_QUERY", "1.0")
	query, err := typ.Read(sample(t, "types/HIT_QUERY/vehicle.de.json"))
	if err != nil {
		t.Fatal(err)
	}
	q, ok := query.Query()
	want := map[string]string{"plate": "XYZ 214", "plate_country": "LTU", "vin": "WVWZZZ1KZ6W000123"}
	if !ok || q.Dataset != "VEHICLE" || !maps.Equal(q.Keys, want) || !strings.HasPrefix(q.Reason, "Das Fahrzeug") {
		t.Errorf("read as %+v", q)
	}
	with, _ := Embedded().Find("HIT_RESULT", "1.0")
	if _, err := query.MachineReply(with, MachineAnswer{Outcome: "REFUSAL", OurReference: "1"}); err == nil {
		t.Error("a machine refused")
	}
	if _, err := query.MachineReply(typ, MachineAnswer{Outcome: "HIT", OurReference: "1"}); err == nil {
		t.Error("a query answered a query")
	}
	request, _ := Embedded().Find("INFO_REQUEST", "1.0")
	other, err := request.Read(sample(t, "case/01-info-request.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := other.Query(); ok || request.MachineReply() != "" {
		t.Error("a request is a query")
	}
}

// The match goes from the reply to who asks more about it, and to that one's answer.
func TestMatchIsRepeated(t *testing.T) {
	body := func(typ, file string) *Body {
		t.Helper()
		b, err := must(t, typ).Read(sample(t, "types/"+file))
		if err != nil {
			t.Fatal(file, err)
		}
		return b
	}
	for _, next := range []struct {
		typ      string
		answered *Body
		match    string
	}{
		{"CORE_DATA_REQ", body("HIT_RESULT", "HIT_RESULT/hit.sv.json"), "M-7F3K-20261104-0031"},
		{"CORE_DATA", body("CORE_DATA_REQ", "CORE_DATA_REQ/dna.bg.json"), "PRUM-AT-20261102-0177"},
	} {
		filled := string(must(t, next.typ).Fill([]byte(`{}`), Filling{Answered: next.answered}))
		if !strings.Contains(filled, `"match_reference":"`+next.match+`"`) {
			t.Errorf("%s is filled in as %s", next.typ, filled)
		}
	}
}

func must(t *testing.T, name string) *Type {
	t.Helper()
	typ, ok := Embedded().Find(name, "1.0")
	if !ok {
		t.Fatalf("no type %s", name)
	}
	return typ
}

// A type that says that a machine may answer it, and can't be answered so, doesn't load.
func TestBentMachineReply(t *testing.T) {
	const file, says = "types/HIT_QUERY-1.0.json", `{"type": "HIT_RESULT", "adds"`
	for _, bend := range []struct{ file, old, new, want string }{
		{file, says, `{"type": "SHRUG", "adds"`, "which is no type"},
		{file, says, `{"type": "ACK", "adds"`, "lacks outcomes or a reference"},
		{file, `"adds": {"handling"`, `"adds": {"shrug"`, `has no "shrug"`},
		{file, `, "x-role": "query-reason"`, ``, "lacks a data set, keys or a reason"},
		{"types/HIT_RESULT-1.0.json", `"at": "/outcome", "is": "HIT"`, `"at": "/a/b", "is": "HIT"`, "not at the top"},
	} {
		fsys := copied(t)
		data := string(fsys[bend.file].Data)
		if !strings.Contains(data, bend.old) {
			t.Errorf("nothing to bend: %s", bend.old)
			continue
		}
		fsys[bend.file] = &fstest.MapFile{Data: []byte(strings.Replace(data, bend.old, bend.new, 1))}
		if _, err := Load(fsys); err == nil || !strings.Contains(err.Error(), bend.want) {
			t.Errorf("%s: %v", bend.new, err)
		}
	}
}
