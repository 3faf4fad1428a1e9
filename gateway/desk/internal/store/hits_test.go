package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/signed"
)

// What a machine may answer is found by an index, however much mail there is.
func TestHitQueriesSearch(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	for query, want := range map[string][]string{
		handedOverSince:         {"SEARCH p USING INTEGER PRIMARY KEY (rowid>?)", "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)"},
		mailColumns + unreplied: {"SEARCH m USING INDEX mail_handed_over (type=? AND seq>?)", "SEARCH r USING INDEX mail_answering (reply_to=?)"},
		replied:                 {"SEARCH r USING INDEX mail_answering (reply_to=?)"},
	} {
		plan := explain(t, s, query)
		for _, step := range want {
			if !strings.Contains(plan, step) {
				t.Errorf("%s\nlacks %q in its plan:\n%s", query, step, plan)
			}
		}
		if strings.Contains(plan, "SCAN m\n") || strings.Contains(plan, "SCAN p\n") || strings.Contains(plan, "B-TREE") {
			t.Errorf("%s\nscans or sorts:\n%s", query, plan)
		}
	}
}

// A query's erasure takes what was found for it out of the database's files.
func TestErasedMatch(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "desk.db"))
	query, marker := signed.HashOf("q"), []byte("what was found, sealed")
	err := s.Update(func(tx *Tx) error {
		if err := tx.AddText(query, []byte("note"), []byte("sealed")); err != nil {
			return err
		}
		return tx.AddMatch("REF", query, marker)
	})
	if err != nil {
		t.Fatal(err)
	}
	look := func() (found signed.Hash, sealed []byte, err error) {
		err = s.View(func(tx *Tx) (err error) { found, sealed, err = tx.Match("REF"); return err })
		return found, sealed, err
	}
	if found, sealed, err := look(); err != nil || found != query || !bytes.Equal(sealed, marker) || !contains(t, dir, marker) {
		t.Fatalf("kept %s, %q, %v", found, sealed, err)
	}
	if err := s.Update(func(tx *Tx) error { return tx.Erase(query) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Scrub(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := look(); !errors.Is(err, ErrNotFound) || contains(t, dir, marker) {
		t.Errorf("the match of an erased query is still there: %v", err)
	}
}
