package store

import (
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/desk/client"
)

// What a clock or a worker asks for is found by an index, so that its cost is what
// it finds and not what else lies in the conversation or in the database.
func TestQueriesSearch(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	for query, want := range map[string][]string{
		later:                   {"SEARCH k USING INDEX links_asked (asked=? AND kind=?)", "SEARCH m USING INTEGER PRIMARY KEY"},
		closedBy:                {"SEARCH m USING INDEX mail_closing (conversation=?)"},
		newestConversations:     {"SCAN conversations USING INDEX conversations_last"},
		conversationsOf:         {"SEARCH conversations USING PRIMARY KEY (conversation=?)"},
		mailColumns + lastOf:    {"SEARCH m USING INDEX mail_yearly (type=?)"},
		mailColumns + openMail:  {"SEARCH m USING INDEX mail_open (received=?)"},
		mailColumns + unsent:    {"SEARCH m USING INDEX mail_unsent (urgent=? AND seq>?)"},
		mailColumns + unopened:  {"SEARCH m USING INDEX mail_unopened (seq>?)"},
		mailColumns + unproven:  {"SEARCH m USING INDEX mail_unproven (urgent=? AND seq>?)"},
		mailColumns + unapplied: {"SEARCH m USING INDEX mail_unapplied (unapplied=?)"},
		mailColumns + newest:    {"SEARCH m USING INDEX mail_direction (received=?)"},
	} {
		plan := explain(t, s, query)
		for _, step := range want {
			if !strings.Contains(plan, step) {
				t.Errorf("%s\nlacks %q in its plan:\n%s", query, step, plan)
			}
		}
		for _, table := range []string{"m", "f", "k"} {
			if strings.Contains(plan, "SCAN "+table+"\n") || strings.Contains(plan, "SCAN "+table+" USING") {
				t.Errorf("%s\nscans a table:\n%s", query, plan)
			}
		}
	}
}

func explain(t *testing.T, s *Store, query string) string {
	t.Helper()
	rs, err := s.open.Load().db.Query("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	var plan strings.Builder
	for rs.Next() {
		var id, parent, unused int
		var step string
		if err := rs.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(step + "\n")
	}
	return plan.String()
}

// The states that count are the same to a query as to the program.
func TestCounting(t *testing.T) {
	for _, s := range client.SentStates {
		if listed := strings.Contains(counting, "'"+string(s)+"'"); listed == counts(s) {
			t.Errorf("%s counts: %t, and is excluded: %t", s, counts(s), listed)
		}
	}
}
