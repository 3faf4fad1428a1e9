package desk_test

import (
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/signed"
)

// The alarm that another uses this desk's online ring stands for an hour, over a restart of
// the desk too, and says since when.
func TestRingAlarmOutlivesARestart(t *testing.T) {
	s := newLie(t)
	fi, stop := s.start("fi.spoc")
	s.ready(fi)
	s.edge.set(func() {
		s.edge.lie = func(_ signed.Address, answer any) {
			if a, ok := answer.(*api.ProgressAnswer); ok {
				a.Shared = true
			}
		}
		s.edge.answers++
	})
	await(t, fi, "alarmed", func() bool { return must(fi.Status(ctx)).Shared != "" })
	since := signed.At(s.clock.Wall()).String()
	stop()
	s.honest()
	s.clock.Move(59 * time.Minute)
	fi, stop = s.start("fi.spoc")
	if alarm := must(fi.Status(ctx)).Shared; !strings.Contains(alarm, since) || fi.Ready("online ring") == nil {
		t.Errorf("after a restart the alarm is %q, since %s", alarm, since)
	}
	stop()
	s.clock.Move(time.Minute)
	fi, _ = s.start("fi.spoc")
	if alarm := must(fi.Status(ctx)).Shared; alarm != "" {
		t.Errorf("an hour later the alarm is %q", alarm)
	}
}
