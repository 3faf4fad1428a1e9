package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

var noon = signed.At(time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC))

// piece is the nth piece of evidence, so many bytes of it.
func piece(code problem.Code, n, size int) Evidence {
	return Evidence{
		Seen: noon.Add(time.Duration(n) * time.Second), Code: code, Subject: fmt.Sprint("m", n), Same: signed.HashOf(fmt.Sprint(n)),
		Bytes: []byte(fmt.Sprintf(`{"n":"%s"}`, strings.Repeat("A", size))),
	}
}

func shows(t *testing.T, s *Store, all ...Evidence) (fresh bool) {
	t.Helper()
	err := s.UpdateUnsynced(func(tx *Tx) (err error) {
		for _, e := range all {
			if fresh, err = tx.AddEvidence(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func keptOf(t *testing.T, s *Store, code problem.Code) (kept []Evidence, seen Breaches) {
	t.Helper()
	err := s.View(func(tx *Tx) error {
		all, err := tx.Evidence()
		for _, e := range all {
			if e.Code == code {
				kept = append(kept, e)
			}
		}
		if err != nil {
			return err
		}
		counts, err := tx.Breaches()
		for _, b := range counts {
			if b.Code == code {
				seen = b
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return kept, seen
}

// A broker shows rubbish of one code about one subject after another. The first pieces
// stay, the newest is always there, and those between are counted.
func TestEvidenceOfACode(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	const shown = 10 * MaxEvidence
	for n := range shown {
		if !shows(t, s, piece("TEXT_MALFORMED", n, 10)) {
			t.Errorf("piece %d is not new", n)
		}
		kept, seen := keptOf(t, s, "TEXT_MALFORMED")
		if last := kept[len(kept)-1]; kept[0].Subject != "m0" || last.Subject != fmt.Sprint("m", n) || seen.Subject != last.Subject {
			t.Fatalf("of %d pieces it keeps %s to %s, and names %s", n+1, kept[0].Subject, last.Subject, seen.Subject)
		}
		if len(kept) != min(n+1, MaxEvidence) || seen.Seen != n+1 || seen.Lost != n+1-len(kept) || seen.Bytes != 0 {
			t.Fatalf("of %d pieces it keeps %d, and says %+v", n+1, len(kept), seen)
		}
	}
	if !shows(t, s, piece("SECOND_TEXT", 1, 10)) {
		t.Error("evidence of another code is lost")
	}
	kept, seen := keptOf(t, s, "TEXT_MALFORMED")
	for n := range MaxEvidence / 2 {
		if kept[n].Subject != fmt.Sprint("m", n) {
			t.Errorf("piece %d is of %s", n, kept[n].Subject)
		}
	}
	if seen.Since != noon || seen.New != noon.Add((shown-1)*time.Second) {
		t.Errorf("seen from %s to %s", seen.Since, seen.New)
	}
}

// What is signed and what is rubbish take no room from each other, of one code and one
// subject.
func TestEvidenceThatIsSigned(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	signedPiece := piece("PROOF_INVALID", 7, 10)
	signedPiece.Signed = true
	for n := range 3 * MaxEvidence {
		if n == MaxEvidence && !shows(t, s, signedPiece) {
			t.Error("a signed piece about a subject of which there is rubbish is not new")
		}
		shows(t, s, piece("PROOF_INVALID", n, 10))
	}
	kept, seen := keptOf(t, s, "PROOF_INVALID")
	found := 0
	for _, e := range kept {
		if e.Signed {
			found++
		}
	}
	if found != 1 || len(kept) != MaxEvidence+1 || seen.Seen != 3*MaxEvidence+1 {
		t.Errorf("%d signed pieces of %d are kept; %+v", found, len(kept), seen)
	}
}

// Of one subject the first and the newest piece are kept; what shows the same again is no
// piece more.
func TestEvidenceOfASubject(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	for n := range 100 {
		e := piece("PROOF_MISSING", n, 10)
		e.Subject = "m"
		for again := range 2 {
			if fresh := shows(t, s, e); fresh != (n == 0 && again == 0) {
				t.Errorf("piece %d is new: %t", n, fresh)
			}
		}
	}
	kept, seen := keptOf(t, s, "PROOF_MISSING")
	if len(kept) != 2 || kept[0].Seen != noon || kept[1].Seen != noon.Add(99*time.Second) || seen.Seen != 100 {
		t.Errorf("it keeps %d pieces: %+v", len(kept), seen)
	}
}

// The bytes of all are bounded. Those of the first and the newest piece of a code go after
// those between, and a flood of rubbish takes none from what is signed.
func TestEvidenceInBytes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	const large = MaxEvidenceBytes / 12
	early, convicting := piece("SECOND_TEXT", 0, 100), piece("LOG_CONTRADICTS", 1, large)
	convicting.Signed = true
	shows(t, s, early, convicting)
	for n := range 30 {
		shows(t, s, piece("TEXT_MALFORMED", n, large))
	}
	for n := range 3 { // and what comes then has its bytes
		shows(t, s, piece("PROOF_INVALID", n, large))
	}
	with := func(all []Evidence) (n int) {
		for _, e := range all {
			if string(e.Bytes) != Stripped {
				n++
			}
		}
		return n
	}
	for _, code := range []problem.Code{"SECOND_TEXT", "LOG_CONTRADICTS", "PROOF_INVALID"} {
		if kept, seen := keptOf(t, s, code); with(kept) != len(kept) || seen.Bytes != 0 {
			t.Errorf("of %s %d of %d pieces have their bytes", code, with(kept), len(kept))
		}
	}
	kept, seen := keptOf(t, s, "TEXT_MALFORMED")
	if n := len(kept); n != 30 || string(kept[0].Bytes) == Stripped || string(kept[n-1].Bytes) == Stripped {
		t.Errorf("of rubbish the first or the newest of %d has no bytes", n)
	}
	if without := 30 - with(kept); without == 0 || seen.Bytes != without || seen.Lost != 0 {
		t.Errorf("%d have no bytes: %+v", without, seen)
	}
	var size int
	err := s.View(func(tx *Tx) error {
		all, err := tx.Evidence()
		for _, e := range all {
			size += len(e.Bytes)
		}
		return err
	})
	if err != nil || size > 2*MaxEvidenceBytes {
		t.Errorf("%d bytes are kept, %v", size, err)
	}
}

// Where each code has but one piece, and they are too large together, the newest is kept
// without its bytes.
func TestEvidenceOfManyCodes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	shows(t, s, piece("SECOND_TEXT", 1, MaxEvidenceBytes-1000), piece("PROOF_INVALID", 2, 2000))
	first, _ := keptOf(t, s, "SECOND_TEXT")
	newest, seen := keptOf(t, s, "PROOF_INVALID")
	if string(first[0].Bytes) == Stripped || string(newest[0].Bytes) != Stripped || seen.Bytes != 1 || seen.Seen != 1 {
		t.Errorf("%d and %d bytes; %+v", len(first[0].Bytes), len(newest[0].Bytes), seen)
	}
}

// Lines that others can cause neither fill the desk's log nor hide one behind others.
func TestLogBounded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	const shown = MaxLines + 700
	err := s.UpdateUnsynced(func(tx *Tx) error {
		if err := tx.Log(client.LogEntry{Time: noon, Event: "unlocked", Subject: "ring"}); err != nil {
			return err
		}
		for n := range shown {
			for range 2 { // the same again is no line more
				if err := tx.LogBounded(client.LogEntry{Time: noon, Event: "not held here", Subject: fmt.Sprint("message ", n)}); err != nil {
					return err
				}
			}
		}
		return tx.LogBounded(client.LogEntry{Time: noon, Event: "evidence", Subject: "message 1", Code: problem.ProofInvalid})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(func(tx *Tx) error {
		lines, err := tx.LogEntries(10 * shown)
		if err != nil {
			return err
		}
		if len(lines) != MaxLines+3 || lines[0].Event != "evidence" || lines[len(lines)-1].Event != "unlocked" {
			t.Errorf("the log has %d lines, from %+v to %+v", len(lines), lines[0], lines[len(lines)-1])
		}
		if want := fmt.Sprintf("%d lines between the oldest and the newest are not kept", shown-MaxLines); lines[1].Subject != want {
			t.Errorf("it says %q, want %q", lines[1].Subject, want)
		}
		newest, oldest := lines[2].Subject, lines[len(lines)-2].Subject
		if newest != fmt.Sprint("message ", shown-1) || oldest != "message 0" {
			t.Errorf("it keeps %q to %q", oldest, newest)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
