package broker_test

import (
	"net/http"
	"strings"
	"testing"

	"samband/gateway/envelope"
)

// What an operator asks is measured, and no label tells who writes to whom.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.earlier()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	fi.stated(fi.statement(envelope.Refused, e))
	se.hears(envelope.Refused, e)
	_, text := b.get(t, "/metrics")
	for _, want := range []string{
		`samband_messages_total{outcome="accepted",type="INFO_REQUEST",urgency="urgent"} 4`,
		`samband_messages_total{outcome="handed-over",type="INFO_REQUEST",urgency="urgent"} 1`,
		`samband_messages_total{outcome="refused",type="INFO_REQUEST",urgency="urgent"} 1`,
		`samband_delivery_duration_seconds_count{urgency="urgent"} 3`,
		"samband_commit_duration_seconds_bucket", "samband_commit_group_size_bucket",
		`samband_queue_pending_messages{desk="fi.spoc"} 1`,
		`samband_queue_oldest_message_timestamp_seconds{desk="fi.spoc"}`,
		`samband_queue_consigned_unopened_messages{desk="fi.spoc"} 1`,
		`samband_queue_consigned_oldest_timestamp_seconds{desk="fi.spoc"}`,
		`samband_log_size{log="audit"}`, `samband_log_size{log="register"} 10`,
		"samband_accepting 1", "samband_clock_in_doubt 0", `samband_alarm{desk="",kind="tail-lost"} 0`, `samband_alarm{desk="",kind="head-ahead"} 0`,
		"samband_build_info",
		"samband_storage_free_bytes", "samband_storage_reserve_bytes", "samband_journal_bytes", "samband_journal_limit_bytes",
		`samband_desk_connected{desk="se.spoc"}`, `samband_desk_last_seen_timestamp_seconds{desk="se.spoc"}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, "se.spoc") && strings.Contains(line, "fi.spoc") {
			t.Errorf("a line names two desks: %s", line)
		}
	}
	code, lines := b.get(t, "/readyz")
	if code != http.StatusOK {
		t.Errorf("readyz says %d", code)
	}
	for _, name := range []string{"journal", "disk", "archive", "tiles", "index", "clock", "accepting"} {
		if !strings.Contains(lines, name+": ok\n") {
			t.Errorf("readyz has no line of %s", name)
		}
	}
}
