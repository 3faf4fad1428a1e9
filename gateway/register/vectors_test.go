package register

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

var update = flag.Bool("update", false, "make the vectors anew")

const (
	vectors = "testdata/vectors"
	base    = "base.json"
	entered = "entered"
)

// A vectorBase is the register that each vector begins with: its notes, in order.
type vectorBase struct {
	Entries []string `json:"entries"`
}

// A vector is an entry, after those of the base and those before it, and its verdict: the
// code of its refusal, or "entered".
type vector struct {
	Name    string   `json:"name"`
	Before  []string `json:"before"`
	Entry   string   `json:"entry"`
	Verdict string   `json:"verdict"`
}

// TestVectors replays each vector, by the register and by the model.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	var b vectorBase
	readJSON(t, base, &b)
	r, err := Replay(bytesOf(b.Entries))
	if err != nil {
		t.Fatal(err)
	}
	m := modelFound(b.Entries[0])
	for _, e := range b.Entries[1:] {
		if code := m.enter(e); code != "" {
			t.Fatalf("the model refuses an entry of the base: %s\n%s", code, e)
		}
	}
	files, err := os.ReadDir(vectors)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]int{}
	for _, f := range files {
		if f.Name() == base {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) {
			var v vector
			readJSON(t, f.Name(), &v)
			x, m := r.Fork(), m.clone()
			for _, e := range v.Before {
				if _, err := x.Append([]byte(e)); err != nil {
					t.Fatal("an entry before: ", err)
				}
				if code := m.enter(e); code != "" {
					t.Fatal("the model refuses an entry before: ", code)
				}
			}
			verdicts[v.Verdict]++
			_, err := x.Append([]byte(v.Entry))
			if got := verdictOf(problem.CodeOf(err)); err == nil && v.Verdict != entered || err != nil && got != v.Verdict {
				t.Errorf("the register says %v, the vector %s", err, v.Verdict)
			}
			if got := verdictOf(problem.Code(m.enter(v.Entry))); got != v.Verdict {
				t.Errorf("the model says %s, the vector %s", got, v.Verdict)
			}
		})
	}
	if len(files) < 60 || verdicts[entered] < 15 {
		t.Errorf("%d vectors, of which %d are good", len(files)-1, verdicts[entered])
	}
	for _, code := range []problem.Code{
		problem.Oversize, problem.TextMalformed, problem.WrongExchange, problem.EntryOutOfOrder, problem.NotEntitled, problem.KeyRevoked,
		problem.SignatureMissing, problem.SignatureExtra, problem.SignatureInvalid, problem.EntryInvalid, problem.KeyReused,
	} {
		if verdicts[string(code)] == 0 {
			t.Errorf("no vector is refused with %s", code)
		}
	}
}

func verdictOf(code problem.Code) string {
	if code == "" {
		return entered
	}
	return string(code)
}

func bytesOf(entries []string) (out [][]byte) {
	for _, e := range entries {
		out = append(out, []byte(e))
	}
	return out
}

func stringsOf(entries [][]byte) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, string(e))
	}
	return out
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func writeJSON(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vectors, name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// writeVectors makes the vectors of the tables; TLS keys and signatures are new each time.
func writeVectors(t *testing.T) {
	if err := os.RemoveAll(vectors); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(vectors, 0o755); err != nil {
		t.Fatal(err)
	}
	x := settled(t)
	size := x.Size()
	writeJSON(t, base, vectorBase{stringsOf(x.Entries(0))})
	cases := refusedEntries(t)
	maps.Copy(cases, goodEntries())
	for name, c := range cases {
		x := settled(t)
		entry := c.make(x)
		v := vector{name, stringsOf(x.Entries(size)), string(entry), verdictOf(c.want)}
		writeJSON(t, strings.Trim(notInName.ReplaceAllString(strings.ToLower(name), "-"), "-")+".json", v)
	}
}

// goodEntries are the vectors that are entered.
func goodEntries() map[string]entryCase {
	good := map[string]func(x exchange) []byte{
		"good: new party": func(x exchange) []byte { return x.sign(x.party("dk")) },
		"good: party with the title anew": func(x exchange) []byte {
			return x.sign(with(x.party("fi"), func(p *Party) { p.Title = "Suomi \u00e4 \U0001f6a8 \"x\\y\"" }))
		},
		"good: party with a new authority": func(x exchange) []byte {
			return x.sign(with(x.party("fi"), func(p *Party) { p.Keys = signed.PublicKeys(keysOf("fi", signed.UseEntry, 1)) }))
		},
		"good: party admitted after its revocation": func(x exchange) []byte {
			x.enter(x.revoke("root", "fi", ringAll))
			return x.sign(with(x.party("fi"), func(p *Party) { p.Keys = signed.PublicKeys(keysOf("fi", signed.UseEntry, 1)) }))
		},
		"good: first entry after a new authority names the party entry": func(x exchange) []byte {
			keys := keysOf("fi", signed.UseEntry, 1)
			x.enter(with(x.party("fi"), func(p *Party) { p.Keys = signed.PublicKeys(keys) }))
			return x.signAs(x.desk("fi.ncb", 0), keys...)
		},
		"good: catalogue": func(x exchange) []byte { return x.sign(x.catalogue("2.0")) },
		"good: catalogue as before": func(x exchange) []byte {
			x.enter(x.catalogue("2.0"))
			return x.sign(x.catalogue("1.0"))
		},
		"good: clock": func(x exchange) []byte { return x.sign(&Clock{x.root(), 7, noon}) },
		"good: clock that goes back once more": func(x exchange) []byte {
			x.enter(&Clock{x.root(), 7, noon})
			return x.sign(&Clock{x.root(), 3, start})
		},
		"good: broker's keys":                    func(x exchange) []byte { return x.sign(x.servers(1, 2, 3)) },
		"good: broker's keys change their place": func(x exchange) []byte { return x.sign(x.servers(1, 1, 0)) },
		"good: broker's offline key is used":     func(x exchange) []byte { return x.sign(x.servers(1, 1, 2)) },
		"good: desk":                             func(x exchange) []byte { return x.sign(x.desk("fi.ncb", 0)) },
		"good: desk with new keys":               func(x exchange) []byte { return x.sign(x.desk("fi.spoc", 1)) },
		"good: desk with the directory anew and an end": func(x exchange) []byte {
			return x.sign(with(x.desk("fi.spoc", 0), func(d *Desk) { d.Telephone, d.Until = "+358 295 111 111", end }))
		},
		"good: desk with a new opening key alone": func(x exchange) []byte {
			r := ringsOf("fi.spoc", 0)
			r.opening = ringsOf("fi.spoc", 1).opening
			return x.sign(x.deskOf("fi.spoc", r))
		},
		"good: desk with an opening key of another desk": func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			r.opening = ringsOf("se.spoc", 0).opening
			return x.sign(x.deskOf("fi.ncb", r))
		},
		"good: desk with a zone that nobody knows": func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			request := x.request("fi.ncb", r)
			request.Zone = "Local"
			return x.sign(x.deskBy("fi", r.prove(x.t, request)))
		},
		"good: desk with new online keys after its online ring is revoked": func(x exchange) []byte {
			x.enter(x.revoke("fi", "fi.spoc", RingOnline))
			r := ringsOf("fi.spoc", 0)
			r.consignment, r.tls = ringsOf("fi.spoc", 1).consignment, ringsOf("fi.spoc", 1).tls
			return x.sign(x.deskOf("fi.spoc", r))
		},
		"good: agreement of three": func(x exchange) []byte {
			return x.sign(with(x.agreement("fi", "se"), func(a *Agreement) { a.Parties, a.Ceiling = []string{"fi", "no", "se"}, envelope.BPL }))
		},
		"good: agreement of one second, of types and copies that nobody knows": func(x exchange) []byte {
			return x.sign(with(x.agreement("fi", "se"), func(a *Agreement) {
				a.Types, a.From, a.Until = []string{"POEM"}, signed.At(time.Unix(1, 0)), signed.At(time.Unix(2, 0))
				a.Copies = []CopyRule{{Copy{"va.nobody", "SONG"}, a.Types}}
			}))
		},
		"good: accession": func(x exchange) []byte {
			a := x.agreement("fi", "no")
			x.enter(a)
			return x.sign(x.accede("no", a.Hash()))
		},
		"good: accession of the proposer after its revocation": func(x exchange) []byte {
			keys := keysOf("fi", signed.UseEntry, 1)
			x.enter(x.revoke("root", "fi", ringAll))
			x.enter(with(x.party("fi"), func(p *Party) { p.Keys = signed.PublicKeys(keys) }))
			return x.signAs(x.accede("fi", x.Now().Agreements()[0].Hash()), keys...)
		},
		"good: revocation of both rings": func(x exchange) []byte { return x.sign(x.revoke("fi", "fi.spoc", ringAll)) },
		"good: revocation of the ring that is left": func(x exchange) []byte {
			x.enter(x.revoke("fi", "fi.spoc", RingOnline))
			return x.sign(x.revoke("fi", "fi.spoc", ringAll))
		},
		"good: revocation of a party by itself": func(x exchange) []byte { return x.sign(x.revoke("fi", "fi", ringAll)) },
		"good: revocation of a party by the root": func(x exchange) []byte {
			return x.sign(with(x.revoke("root", "fi", ringAll), func(v *Revocation) { v.SuspectedSince = start }))
		},
		"good: revocation signed beforehand": func(x exchange) []byte {
			safe := x.sign(preSigned(x, "fi", "fi.spoc"))
			x.enter(x.desk("fi.ncb", 0))
			return safe
		},
		"good: revocation signed beforehand with the nonce of zeros": func(x exchange) []byte {
			return x.sign(with(preSigned(x, "fi", "fi.spoc"), func(v *Revocation) { v.Nonce = signed.ID{} }))
		},
		"good: entry after a revocation signed beforehand follows the one before it": func(x exchange) []byte {
			next := x.sign(x.desk("fi.ncb", 0))
			if _, err := x.Append(x.sign(preSigned(x, "fi", "fi.spoc"))); err != nil {
				x.t.Fatal(err)
			}
			return next
		},
	}
	cases := map[string]entryCase{}
	for name, entry := range good {
		cases[name] = entryCase{"", entry}
	}
	return cases
}
