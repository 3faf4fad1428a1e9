package schema

import (
	"crypto/sha256"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// Every type is found by name and by hash, once, and its schema compiles.
func TestCatalogue(t *testing.T) {
	files, err := filepath.Glob("types/*.json")
	if err != nil || len(files) != len(Embedded().Types()) {
		t.Fatalf("%d files, %d types (%v)", len(files), len(Embedded().Types()), err)
	}
	hashes := map[[32]byte]bool{}
	for _, typ := range Embedded().Types() {
		data, err := os.ReadFile("types/" + typ.Name + "-" + typ.Version + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if typ.Hash != sha256.Sum256(data) || hashes[typ.Hash] {
			t.Errorf("%s %s: hash isn't its file's own", typ.Name, typ.Version)
		}
		hashes[typ.Hash] = true
		byName, ok1 := Embedded().Find(typ.Name, typ.Version)
		byHash, ok2 := Embedded().FindHash(typ.Hash)
		if !ok1 || !ok2 || byName != typ || byHash != typ {
			t.Errorf("%s %s isn't found", typ.Name, typ.Version)
		}
		typ.body.once.Do(typ.body.compile)
		if typ.body.err != nil {
			t.Errorf("%s: %v", typ.Name, typ.body.err)
		}
	}
	if _, ok := Embedded().Find("INFO_REQUEST", "9.9"); ok {
		t.Error("found a version that isn't there")
	}
	if _, ok := Embedded().FindHash([32]byte{}); ok {
		t.Error("found a hash that isn't there")
	}
}

// No shared file lies about unused, and every object of every schema is closed, but
// for those that others mix in.
func TestShared(t *testing.T) {
	used, mixed := map[string]bool{}, map[string]bool{}
	for _, typ := range Embedded().Types() {
		for p := range typ.file.Parts {
			used[p] = true
		}
		body, err := parse(typ.file.Body)
		if err != nil {
			t.Fatal(err)
		}
		closed(t, typ.Name, body, mixed)
	}
	for _, dir := range []string{"codes", "parts"} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !used[dir+"/"+e.Name()] {
				t.Errorf("%s/%s: no type uses it", dir, e.Name())
			}
		}
	}
	entries, _ := files.ReadDir("parts")
	for _, e := range entries {
		data, _ := files.ReadFile("parts/" + e.Name())
		defs, err := parse(data)
		if err != nil {
			t.Fatal(err)
		}
		all := defs.(map[string]any)["$defs"].(map[string]any)
		for name, def := range all {
			closed(t, e.Name()+"/"+name, def, mixed)
		}
		for name, def := range all {
			delete(def.(map[string]any), "allOf")
			if mixed[name] && def.(map[string]any)["additionalProperties"] != nil {
				t.Errorf("%s/%s is mixed in, and closed", e.Name(), name)
			}
		}
	}
}

// closed checks each object, and collects the definitions that are mixed in.
func closed(t *testing.T, where string, v any, mixed map[string]bool) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		all, _ := v["allOf"].([]any)
		for _, m := range all {
			_, name, _ := strings.Cut(m.(map[string]any)["$ref"].(string), "$defs/")
			mixed[name] = true
		}
		_, name, _ := strings.Cut(where, "/")
		if v["type"] == "object" && v["additionalProperties"] != false && v["unevaluatedProperties"] != false && !mixed[name] {
			t.Errorf("%s: an object is open", where)
		}
		for name, child := range v {
			closed(t, where+"/"+name, child, mixed)
		}
	case []any:
		for _, child := range v {
			closed(t, where, child, mixed)
		}
	}
}

func TestCodes(t *testing.T) {
	purposes, err := readCodes(files, "codes/purpose-1.json")
	if err != nil || !slices.ContainsFunc(purposes.Codes, func(c code) bool { return c.Code == "TRAINING" }) {
		t.Errorf("purposes: %v, %v", purposes, err)
	}
	if _, err := readCodes(files, "parts/common-1.json"); err == nil {
		t.Error("a file that is no list was read as one")
	}
}

func TestReplies(t *testing.T) {
	request, _ := Embedded().Find("INFO_REQUEST", "1.0")
	if !request.AllowsReply("REFUSAL") || !request.AllowsReply("PARTIAL") || request.AllowsReply("REMINDER") {
		t.Error("replies of INFO_REQUEST are wrong")
	}
	if request.OnlyReplies() {
		t.Error("INFO_REQUEST can't open a conversation")
	}
	for _, name := range []string{"ANSWER", "REFUSAL", "CLARIFY", "CLARIFICATION"} {
		if typ, _ := Embedded().Find(name, "1.0"); !typ.OnlyReplies() {
			t.Errorf("%s can open a conversation", name)
		}
	}
}

// copied returns the catalogue's files for a test to bend.
func copied(t *testing.T) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(p)
		fsys[p] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// A bent catalogue doesn't load, and the error names what is bent.
func TestBentCatalogue(t *testing.T) {
	const request = "types/INFO_REQUEST-1.0.json"
	bends := map[string]struct{ file, old, new, want string }{
		"reply to nowhere":      {request, `"REROUTE"],`, `"SHRUG"],`, `"SHRUG", which is neither`},
		"pause without an end":  {request, `"until": "CLARIFICATION"`, `"until": "ANSWER"`, `which doesn't settle it`},
		"settled by no reply":   {request, `"settled_by": ["ANSWER"`, `"settled_by": ["CLOSE"`, `"CLOSE", which is none`},
		"dropped by a reply":    {"types/CROSSBORDER_OP-1.0.json", `"dropped_by": ["STOP"`, `"dropped_by": ["AUTHORISE"`, `"AUTHORISE", which is none of its follow-ups`},
		"paused by nowhere":     {request, `"by": "CLARIFY"`, `"by": "SHRUG"`, `"SHRUG", which is neither`},
		"extended by nowhere":   {request, `"extended_by": ["DELAY"`, `"extended_by": ["SHRUG"`, `"SHRUG", which is neither`},
		"list changed":          {"codes/purpose-1.json", "PREVENT_CRIME", "PREVENT_CRIMES", "not the one that was pinned"},
		"term missing":          {request, `"urgency": "non-urgent", `, `"urgency": "urgent", `, "no term for non-urgent"},
		"term without length":   {request, `"hours": 8`, `"hours": 0`, "not one positive length"},
		"term of two lengths":   {request, `"hours": 8`, `"hours": 8, "days": 1`, "not one positive length"},
		"term of no outcome":    {request, `"hours": 8`, `"hours": 8, "outcome": "SHRUG"`, "no outcome of the type"},
		"term of unknown end":   {request, `"hours": 8`, `"hours": 8, "at_end": "shrug"`, "unknown end"},
		"unknown start":         {request, `"start": "consigned"`, `"start": "whenever"`, "start"},
		"nothing settles it":    {request, `"settled_by": ["ANSWER", "REFUSAL", "REROUTE"]`, `"settled_by": []`, "no reply settles it"},
		"free text counted":     {request, `"x-statistic": "requester"`, `"x-statistic": "requester"}, "why": {"$ref": "../parts/common-1.json#/$defs/text", "x-statistic": "why"`, "counts what is no code"},
		"definition of its own": {request, `{"$ref": "../codes/requester-1.json", "x-statistic": "requester"}`, `{"$ref": "#/$defs/requester"}`, "is no definition of a part"},
		"no such role":          {request, `"x-statistic": "requester"`, `"x-role": "shrug"`, "no role"},
		"no mark":               {request, `"mark": "V"`, `"mark": "?"`, "mark"},
		"other name":            {request, `"version": "1.0"`, `"version": "1.1"`, "not the file of INFO_REQUEST 1.1"},
		"unknown member":        {request, `"source"`, `"sauce"`, "unknown field"},
		"member twice":          {request, `"mark": "V",`, `"mark": "V", "mark": "V",`, "name stands twice"},
		"common fields nowhere": {request, `{"$ref": "../parts/common-1.json#/$defs/message"},`, ``, "has no our-reference"},
		"no place to fill in": {request, `,
      {"$ref": "../parts/common-1.json#/$defs/ending"}`, ``, "where a desk could fill it in"},
		"label without words": {"labels/types/ANSWER.json", `"label": "Answer"`, `"label": ""`, "has none in en"},
	}
	for name, b := range bends {
		fsys := copied(t)
		data := string(fsys[b.file].Data)
		if !strings.Contains(data, b.old) {
			t.Errorf("%s: nothing to bend", name)
			continue
		}
		fsys[b.file] = &fstest.MapFile{Data: []byte(strings.Replace(data, b.old, b.new, 1))}
		if _, err := Load(fsys); err == nil || !strings.Contains(err.Error(), b.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A new type is a file and nothing else.
func TestNewTypeIsAFile(t *testing.T) {
	fsys := copied(t)
	data := strings.Replace(string(fsys["types/REMINDER-1.0.json"].Data), `"version": "1.0"`, `"version": "1.1"`, 1)
	fsys["types/REMINDER-1.1.json"] = &fstest.MapFile{Data: []byte(data)}
	c, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	types := c.Types()
	i := slices.IndexFunc(types, func(typ *Type) bool { return typ.Version == "1.1" })
	if i < 0 {
		t.Fatal("the new version isn't there")
	}
	if err := types[i].Validate(sample(t, "case/08-reminder.json")); err != nil {
		t.Error(err)
	}
}

// A body that draws on a file that isn't pinned doesn't compile.
func TestUnpinnedPart(t *testing.T) {
	typ, _ := Embedded().Find("REMINDER", "1.0")
	less := maps.Clone(typ.body.parts)
	delete(less, "codes/purpose-1.json")
	s := bodySchema{url: typ.body.url, body: typ.body.body, parts: less}
	_, err := s.check(map[string]any{}, typ.Shape)
	if err == nil || !strings.Contains(err.Error(), "is not pinned") {
		t.Error(err)
	}
}

// Every type stands in a conversation: it opens one, or answers or follows a type that
// can be reached so; and whatever asks for something can be settled by somebody.
func TestEveryTypeIsSpoken(t *testing.T) {
	byName := map[string]*Type{}
	for _, typ := range Embedded().Types() {
		for _, name := range append(typ.Outcomes(), typ.Name) {
			byName[name] = typ
		}
	}
	reached := map[*Type]bool{}
	var reach func(*Type)
	reach = func(typ *Type) {
		if reached[typ] {
			return
		}
		reached[typ] = true
		for _, name := range append(typ.Replies(), typ.FollowUps()...) {
			reach(byName[name])
		}
	}
	for _, typ := range Embedded().Types() {
		if !typ.OnlyReplies() {
			reach(typ)
		}
	}
	for _, typ := range Embedded().Types() {
		if !reached[typ] {
			t.Errorf("no conversation comes to %s", typ.Name)
		}
	}
}
