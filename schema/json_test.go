package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"samband/gateway/problem"
)

func TestNumbers(t *testing.T) {
	for num, ok := range map[string]bool{
		"0": true, "-12": true, "59.3293": true, "9007199254740991": true, "-9007199254740991": true,
		"9007199254740992": false, "-9007199254740992": false, "18446744073709551616": false,
		"1e3": true, "1E3": true, "-1e-05": true, "1.5e-7": true, "1e16": false, "1e-31": false, "-0e3": false, "-0.00": false, "-0": false, "-0.5": true,
		"0." + strings.Repeat("1", 30): true, "0." + strings.Repeat("1", 31): false,
	} {
		if _, err := parse([]byte(num)); (err == nil) != ok {
			t.Errorf("%s: %v", num, err)
		}
	}
}

func TestDepth(t *testing.T) {
	deep := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if _, err := parse(deep(maxDepth)); err != nil {
		t.Error(err)
	}
	if _, err := parse(deep(maxDepth + 1)); problem.CodeOf(err) != problem.BodyMalformed {
		t.Error(err)
	}
}

// Whatever passes is what the standard library reads too, and comes back from
// its own spelling unchanged.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{"case", "invalid"} {
		paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	for _, s := range []string{`"\ud83d\ude00\\u0000"`, ` [ true , false,null,-1.50 ,{ } ] `, `{"":{"":[]}}`, `"\udc00"`, "\"\u2028\"", `7`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parse(data)
		if err != nil {
			if code := problem.CodeOf(err); code != problem.BodyMalformed && code != problem.Oversize {
				t.Fatalf("refused as %s: %v", code, err)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatalf("accepted what the standard library refuses: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("read %#v, the standard library %#v", got, want)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > MaxBody {
			return // the library escapes more than the sender did
		}
		back, err := parse(again)
		if err != nil || !reflect.DeepEqual(back, got) {
			t.Fatalf("comes back as %#v (%v)", back, err)
		}
	})
}

// No bytes bring a type's reader down, and no problem grows with them.
func FuzzRead(f *testing.F) {
	for _, p := range samples(f) {
		data, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range Embedded().Types() {
			b, err := typ.Read(data)
			if err != nil {
				if p, ok := problem.Of(err); !ok || len(p.Detail) > 1000 {
					t.Fatalf("%s: %v", typ.Name, err)
				}
				continue
			}
			for line := range strings.Lines(string(b.Statistics)) {
				if strings.ContainsFunc(line, func(r rune) bool { return r > 0x7e }) {
					t.Fatalf("%s: statistics have more than codes: %q", typ.Name, line)
				}
			}
		}
	})
}
