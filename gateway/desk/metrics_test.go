package desk_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"samband/gateway/desk/client"
	"samband/schema"
)

// Every metric is there from the start with zero, in the form that Prometheus
// asks for.
func TestMetrics(t *testing.T) {
	fi := still(t).open("fi.spoc")
	defer fi.Close()
	registry := fi.Metrics()
	classes := map[string]bool{}
	for _, typ := range schema.Embedded().Types() {
		if typ.Clock != nil {
			for _, c := range typ.Clock.Classes {
				classes[c.Label] = true
			}
			if typ.Clock.Yearly != nil {
				classes["yearly"] = true
			}
		}
	}
	for name, want := range map[string]int{
		"samband_desk_locked":                           1,
		"samband_broker_reachable":                      1,
		"samband_outbox_messages":                       len(client.SentStates),
		"samband_inbox_messages":                        len(client.ReceivedStates),
		"samband_requests_overdue":                      len(classes),
		"samband_answers_total":                         2 * len(classes),
		"samband_evidence_total":                        7,
		"samband_evidence_lost_total":                   7,
		"samband_outbox_overdue_messages":               8,
		"samband_audit_silent_seconds":                  1,
		"samband_opening_key_missing_messages":          1,
		"samband_unreadable_messages":                   1,
		"samband_catalogue_bundles_lacking":             1,
		"samband_hidden_texts":                          1,
		"samband_erasure_lists_unread":                  1,
		"samband_statement_waiting_seconds":             1,
		"samband_desk_disk_free_bytes":                  1,
		"samband_desk_disk_needed_bytes":                1,
		"samband_desk_disk_reserve":                     1,
		"samband_desk_taking_in":                        1,
		"samband_audit_last_verified_timestamp_seconds": 1,
		"samband_audit_verification_failures_total":     1,
		"samband_envelopes_sealed_total":                1,
		"samband_clock_offset_seconds":                  1,
		"samband_words_elsewhere":                       2,
		"samband_desk_database_losses":                  1,
		"samband_desk_lost_messages":                    1,
		"samband_desk_damages_total":                    2,
		"samband_hits_answered_total":                   12,
		"samband_hits_waiting":                          9,
		"samband_hits_waiting_seconds":                  1,
		"samband_hits_limited_total":                    1,
		"samband_hits_source_failures_total":            1,
		"samband_online_keys_made_timestamp_seconds":    1,
	} {
		if n, err := testutil.GatherAndCount(registry, name); err != nil || n != want {
			t.Errorf("%s has %d series, want %d (%v)", name, n, want, err)
		}
	}
	faults, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		if f != (promlint.Problem{}) {
			t.Errorf("%s: %s", f.Metric, f.Text)
		}
	}
}
