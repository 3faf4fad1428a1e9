package seen

import (
	"testing"

	"samband/gateway/signed"
	"samband/schema"
)

func person(keys map[string]string) schema.Subject {
	return schema.Subject{Path: "/persons/0", Kind: "NOMINAL", Keys: keys}
}

// message is one of a conversation that its first letter names.
func message(name string) Message {
	return Message{Text: signed.Hash{name[0], name[1]}, Conversation: signed.ID{name[0]}}
}

// The same person in another script, the same plate, the same telephone: found in other
// conversations, certain or near, and nowhere else.
func TestFind(t *testing.T) {
	x := New()
	x.Add(message("a1"), []schema.Subject{
		person(map[string]string{"family": "Горбачёв", "given": "Иван", "birth_date": "1985-04-12"}),
		{Path: "/vehicles/0", Kind: "VEHICLE", Keys: map[string]string{"plate": "ABC 123", "plate_country": "SWE"}},
		{Path: "/communications/0", Kind: "COMMUNICATION", Keys: map[string]string{"number": "+46 70 123 45 67"}},
	})
	for what, c := range map[string]struct {
		asked   schema.Subject
		found   bool
		certain bool
	}{
		"another script":       {person(map[string]string{"full": "Ivan Gorbachev", "birth_date": "1985-04-12"}), true, true},
		"no birth date":        {person(map[string]string{"full": "Ivan Gorbachev"}), true, false},
		"another birth date":   {person(map[string]string{"full": "Ivan Gorbachev", "birth_date": "1990-01-02"}), false, false},
		"another name":         {person(map[string]string{"full": "Anna Berg", "birth_date": "1985-04-12"}), false, false},
		"no name":              {person(map[string]string{"birth_date": "1985-04-12"}), false, false},
		"the plate":            {schema.Subject{Kind: "VEHICLE", Keys: map[string]string{"plate": "abc-123", "plate_country": "SWE"}}, true, true},
		"the plate, elsewhere": {schema.Subject{Kind: "VEHICLE", Keys: map[string]string{"plate": "abc-123", "plate_country": "FIN"}}, false, false},
		"the telephone":        {schema.Subject{Kind: "COMMUNICATION", Keys: map[string]string{"number": "0046701234567"}}, true, true},
		"an account":           {schema.Subject{Kind: "PAYMENT", Keys: map[string]string{"number": "0046701234567"}}, false, false},
	} {
		found := x.Find(message("b1"), []schema.Subject{c.asked})
		if len(found) > 1 || (len(found) == 1) != c.found || c.found && (found[0].Certain != c.certain || found[0].Text != message("a1").Text) {
			t.Errorf("%s: %+v", what, found)
		}
		if found := x.Find(message("a2"), []schema.Subject{c.asked}); len(found) > 0 {
			t.Errorf("%s: found in its own conversation: %+v", what, found)
		}
	}
}

// What is removed is found no more, and nothing of it stays in memory.
func TestRemove(t *testing.T) {
	x := New()
	berg := person(map[string]string{"full": "Åsa Berg", "personal_number": "850412-1234"})
	x.Add(message("a1"), []schema.Subject{berg})
	x.Add(message("b1"), []schema.Subject{berg})
	if found := x.Find(message("c1"), []schema.Subject{berg}); len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	x.Remove(message("a1").Text)
	if found := x.Find(message("c1"), []schema.Subject{berg}); len(found) != 1 || found[0].Text != message("b1").Text {
		t.Fatalf("%+v", found)
	}
	x.Remove(message("b1").Text)
	if len(x.byKey) > 0 || len(x.byText) > 0 {
		t.Errorf("left: %v %v", x.byKey, x.byText)
	}
}

// A name that thousands of messages have gets a bounded list, the certain ones first.
func TestManyMatches(t *testing.T) {
	x := New()
	for n := range 3 * MaxMatches {
		who := map[string]string{"full": "Anna Berg"}
		if n == 2*MaxMatches {
			who["birth_date"] = "1985-04-12"
		}
		x.Add(Message{Text: signed.Hash{1, byte(n), byte(n >> 8)}, Conversation: signed.ID{1, byte(n)}}, []schema.Subject{person(who)})
	}
	found := x.Find(message("z1"), []schema.Subject{person(map[string]string{"full": "Anna Berg", "birth_date": "1985-04-12"})})
	if len(found) != MaxMatches || !found[0].Certain || found[1].Certain {
		t.Errorf("%d found, the first certain: %+v", len(found), found[:2])
	}
}
