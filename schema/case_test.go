package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// typeOf reads the type out of a sample's name: 05-info-request.fr.json.
func typeOf(t *testing.T, file string) *Type {
	t.Helper()
	_, name, _ := strings.Cut(filepath.Base(file), "-")
	name, _, _ = strings.Cut(name, ".")
	typ, ok := Embedded().Find(strings.ReplaceAll(strings.ToUpper(name), "-", "_"), "1.0")
	if !ok {
		t.Fatalf("%s: no such type", file)
	}
	return typ
}

func samples(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/case/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no samples", err)
	}
	return paths
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The whole case is valid.
func TestCase(t *testing.T) {
	for _, p := range samples(t) {
		typ := typeOf(t, p)
		body, err := typ.Read(sample(t, "case/"+filepath.Base(p)))
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		s := body.Summary
		if s.OurReference == "" || s.Subject == "" || len(s.Language) != 2 {
			t.Errorf("%s: summary %+v", p, s)
		}
		if body.Sealed.Purpose == "" || len(body.Sealed.Handling) == 0 {
			t.Errorf("%s: sealed half %+v", p, body.Sealed)
		}
	}
}

// The request describes the very photograph that lies beside it.
func TestPhotograph(t *testing.T) {
	var body struct {
		Attachments []struct {
			Name   string `json:"name"`
			Bytes  int    `json:"bytes"`
			SHA256 string `json:"sha256"`
		} `json:"attachments"`
	}
	if err := json.Unmarshal(sample(t, "case/01-info-request.json"), &body); err != nil {
		t.Fatal(err)
	}
	photo := sample(t, "case/photo.jpg")
	sum := sha256.Sum256(photo)
	a := body.Attachments[0]
	if a.Name != "photo.jpg" || a.Bytes != len(photo) || a.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("attachment %+v isn't the photograph", a)
	}
}

// What Samband reads out of a body, word for word.
func TestRead(t *testing.T) {
	request, _ := Embedded().Find("INFO_REQUEST", "1.0")
	b, err := request.Read(sample(t, "case/01-info-request.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := `samband/statistics/v1
type INFO_REQUEST 1.0
outcome INFO_REQUEST
channel-exception TECHNICAL_INCIDENT
copy-withheld -
data-subject SUSPECT VICTIM
legal-basis DIR_2023_977_ART_4
offence-area KIDNAP_HOSTAGE ROBBERY_AGG_THEFT
purpose INVESTIGATE_CRIME
requester SPOC
urgency-reason LIFE_OR_INTEGRITY LOSING_RELEVANCE
`
	if string(b.Statistics) != want {
		t.Errorf("statistics:\n%s", b.Statistics)
	}
	if got := strings.Join(b.Sealed.Categories, " "); got != "SUSPECT VICTIM" {
		t.Errorf("categories %q", got)
	}
	if got := strings.Join(b.Sealed.Handling, " "); got != "H1 H3" {
		t.Errorf("handling %q", got)
	}
	if err := b.FitsUrgency(Urgent); err != nil {
		t.Error(err)
	}
	if b.FitsUrgency(NonUrgent) == nil {
		t.Error("reasons for urgency passed in a message that isn't urgent")
	}
}

// A partial answer is an outcome, and it doesn't end the duty to answer.
func TestPartialAnswer(t *testing.T) {
	request, _ := Embedded().Find("INFO_REQUEST", "1.0")
	answer, _ := Embedded().Find("ANSWER", "1.0")
	for file, want := range map[string]string{"case/04-answer.json": "ANSWER", "case/11-answer.partial.json": "PARTIAL"} {
		b, err := answer.Read(sample(t, file))
		if err != nil {
			t.Fatal(err)
		}
		if b.Outcome != want || !request.AllowsReply(b.Outcome) {
			t.Errorf("%s: outcome %s", file, b.Outcome)
		}
		if request.SettledBy(b.Outcome) != (want == "ANSWER") {
			t.Errorf("%s: stops the clock wrongly", file)
		}
	}
}

// An urgent request without reasons and a plain one with them are both refused.
func TestUrgencyNeedsReasons(t *testing.T) {
	request, _ := Embedded().Find("INFO_REQUEST", "1.0")
	b, err := request.Read(sample(t, "case/10-info-request.el.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.FitsUrgency(NonUrgent); err != nil {
		t.Error(err)
	}
	if b.FitsUrgency(Urgent) == nil {
		t.Error("an urgent request passed without reasons")
	}
}

func BenchmarkRead(b *testing.B) {
	typ, _ := Embedded().Find("ANSWER", "1.0")
	body := sample(b, "case/04-answer.json")
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := typ.Read(body); err != nil {
			b.Fatal(err)
		}
	}
}
