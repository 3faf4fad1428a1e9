package auditlog

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

func TestRecordsOfEachKind(t *testing.T) {
	seen := map[Kind]bool{}
	for _, r := range records() {
		seen[r.Kind] = true
		got, err := parseRecord(r.Text())
		if err != nil {
			t.Errorf("%s: %v\n%s", r.Kind, err, r.Text())
			continue
		}
		if !reflect.DeepEqual(*got, r) {
			t.Errorf("%s: got %+v, want %+v", r.Kind, *got, r)
		}
	}
	for _, s := range kinds {
		if !seen[s.kind] {
			t.Errorf("no test has a record of kind %s", s.kind)
		}
	}
}

func TestLargestEntry(t *testing.T) {
	r := Record{Exchange: exchange, Kind: Entered, Time: noon, Entry: bytes.Repeat([]byte{'x'}, MaxEntry)}
	if _, err := parseRecord(r.Text()); err != nil {
		t.Fatal(err)
	}
	r.Entry = append(r.Entry, 'x')
	_, err := parseRecord(r.Text())
	wantCode(t, err, problem.TextMalformed)
}

func TestRecordsRefused(t *testing.T) {
	handed, opened := records()[2].Text(), records()[12].Text()
	entered := records()[11].Text()
	for name, text := range map[string]string{
		"empty":            "",
		"no newline":       strings.TrimSuffix(handed, "\n"),
		"other form":       strings.Replace(handed, "record", "message", 1),
		"unknown kind":     strings.Replace(handed, "kind handed-over", "kind handed-under", 1),
		"other kind":       strings.Replace(handed, "kind handed-over", "kind expired", 1),
		"line repeated":    handed + "statement " + signed.HashOf("whole note").String() + "\n",
		"line missing":     strings.Replace(handed, "by fi.spoc\n", "", 1),
		"entry where none": handed + "entry AAAA\n",
		"entry empty":      strings.Split(entered, "entry ")[0] + "entry \n",
		"entry twice":      entered + "entry AAAA\n",
		"entry padded":     strings.TrimSuffix(entered, "\n") + "=\n",
		"index in none":    strings.Replace(opened, "kind opened\n", "kind opened\nindex 0\n", 1),
		"index negative":   strings.Replace(handed, "index 0", "index -1", 1),
		"index padded":     strings.Replace(handed, "index 0", "index 00", 1),
		"code unknown":     strings.Replace(records()[3].Text(), "BODY_INVALID", "NOT_TODAY", 1),
		"urgency unknown":  strings.Replace(records()[0].Text(), "urgency urgent", "urgency soon", 1),
		"carriage return":  strings.Replace(handed, "\n", "\r\n", 1),
	} {
		if _, err := parseRecord(text); err == nil {
			t.Errorf("%s: was read", name)
		} else {
			wantCode(t, err, problem.TextMalformed)
		}
	}
	_, err := parseRecord(strings.Repeat("x", MaxRecord+1))
	wantCode(t, err, problem.Oversize)
}

// A leaf is fixed by SPEC §7.2: other programs compute it too.
func TestLeafVector(t *testing.T) {
	got := signed.Hash(saltedHash(Salt{1, 2, 3}, "samband/record/v1\n")).String()
	if want := "tyNEJgZqf1TcvRe5WS9qnsblXXD+vJoXT7uTD4BiuIw="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEntryLeaves(t *testing.T) {
	for _, r := range records() {
		e := Entry{Record: r}
		if r.Tree() == Audit {
			e.Salt = NewSalt()
		}
		got, err := ParseEntry(e.Bytes())
		if err != nil || !reflect.DeepEqual(*got, e) {
			t.Errorf("%s: got %+v, %v", r.Kind, got, err)
		}
		wantLen := map[Tree]int{Audit: 32, Register: len(r.Entry), noTree: 0}[r.Tree()]
		if len(e.Leaf()) != wantLen {
			t.Errorf("%s: a leaf of %d bytes", r.Kind, len(e.Leaf()))
		}
		if r.Tree() != Audit {
			e.Salt = NewSalt()
			_, err = ParseEntry(e.Bytes())
			wantCode(t, err, problem.TextMalformed)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, r := range records() {
		f.Add(r.Text())
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRecord(text)
		if err == nil && r.Text() != text {
			t.Errorf("read %q, wrote %q", text, r.Text())
		}
		if r != nil && err != nil {
			t.Error("a refused record was returned")
		}
	})
}
