package mail

import (
	"testing"
	"time"

	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
)

// What lies wrapped of a text is read as it was written.
func TestFacts(t *testing.T) {
	at := signed.At(time.Unix(1_800_000_000, 0))
	for _, f := range []store.Facts{
		{Outcome: "PARTIAL"}, {Outcome: "DELAY", ClockUntil: at}, {Outcome: "ACK", Access: "indirect"}, {Outcome: "A", ClockFrom: at, ClockUntil: at, Access: "direct"},
	} {
		if got, err := parseFacts(factsText(f)); err != nil || got != f {
			t.Errorf("%+v is read as %+v, %v", f, got, err)
		}
	}
	for _, text := range []string{"", "ANSWER", "ANSWER 0 0", "ANSWER 0 0  ", "ANSWER x 0 direct"} {
		if f, err := parseFacts(text); err == nil {
			t.Errorf("%q is read as %+v", text, f)
		}
	}
}
