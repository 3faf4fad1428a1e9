package broker

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/monitor"
)

func buildInfo() prometheus.Collector {
	version, goVersion := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "samband_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": goVersion},
	}, func() float64 { return 1 })
}

// gauges read what is so at the moment of a scrape.
type gauges struct{ b *Broker }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	pending      = desc("samband_queue_pending_messages", "Messages accepted for a desk and not consigned by it.", "desk")
	oldest       = desc("samband_queue_oldest_message_timestamp_seconds", "When the oldest of them was accepted.", "desk")
	unopened     = desc("samband_queue_consigned_unopened_messages", "Messages that a desk keeps and has not ended: a locked desk.", "desk")
	unopenedFrom = desc("samband_queue_consigned_oldest_timestamp_seconds", "When the oldest of them was consigned.", "desk")
	logSize      = desc("samband_log_size", "Entries of a log.", "log")
	clockInDoubt = desc("samband_clock_in_doubt", "1 while the broker's clock may be wrong and nothing expires.")
	quotaUsed    = desc("samband_quota_used_ratio", "How much of a quota a desk has used, from 0 to 1.", "desk", "quota")
	partyUsed    = desc("samband_party_quota_used_ratio", "How much of a quota a party has used with all its desks, from 0 to 1.", "party", "quota")
	freeBytes    = desc("samband_storage_free_bytes", "Bytes left on the disk with data that has least above its reserve.")
	reserveBytes = desc("samband_storage_reserve_bytes", "Bytes of it that only ends may use.")
	accepting    = desc("samband_accepting", "1 while the broker accepts messages.")
)

func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{pending, oldest, unopened, unopenedFrom, logSize, clockInDoubt, quotaUsed, partyUsed, freeBytes, reserveBytes, accepting} {
		ch <- d
	}
}

func (g gauges) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if free, reserve, err := g.b.seq.Disk(); err == nil {
		send(freeBytes, float64(free))
		send(reserveBytes, float64(reserve))
	}
	open := 0.0
	if g.b.accepting(context.Background()) == nil {
		open = 1
	}
	send(accepting, open)
	for _, s := range g.b.quota.Shares() {
		d := quotaUsed
		if s.Party {
			d = partyUsed
		}
		send(d, s.Used, s.Who, string(s.Quota))
	}
	if g.b.seq.Stopped() != nil {
		return
	}
	doubt := 0.0
	if g.b.seq.InDoubt() {
		doubt = 1
	}
	send(clockInDoubt, doubt)
	c := g.b.seq.Checkpoints()
	send(logSize, float64(c.AuditHead.Size), "audit")
	send(logSize, float64(c.RegisterHead.Size), "register")
	queues, err := g.b.index.Queues()
	if err != nil {
		return
	}
	for _, q := range queues {
		send(pending, float64(q.Waiting), string(q.Desk))
		send(unopened, float64(q.Unopened), string(q.Desk))
		if q.Waiting > 0 {
			send(oldest, float64(q.Oldest.Unix()), string(q.Desk))
		}
		if q.Unopened > 0 {
			send(unopenedFrom, float64(q.Since.Unix()), string(q.Desk))
		}
	}
}

// accepting tells why the broker accepts no messages; nil while it does.
func (b *Broker) accepting(context.Context) error { return b.seq.Accepting() }

// clockNote tells what is in doubt about the machine's clock; nil while nothing is.
func clockNote(c ClockState) error {
	switch {
	case c.Waits:
		return fmt.Errorf("this machine says %s, more than a day after the last record: if that is right, samband-broker clock TIME with the time by another clock; nothing is accepted before", c.Wall)
	case c.Doubted:
		return fmt.Errorf("this machine says %s, which may be wrong: logged time goes on by time that passes, %s now, and nothing expires until the clocks of two parties' desks agree with the machine's", c.Wall, c.Logged)
	case c.Ahead:
		return fmt.Errorf("this machine says %s, and the newest record is later: logged time stands at %s until then, and nothing expires", c.Wall, c.Logged)
	}
	return nil
}

// checks are the lines of /readyz.
func (b *Broker) checks() []monitor.Check {
	return []monitor.Check{
		{Name: "journal", Run: func(ctx context.Context) error {
			if err := b.seq.Halted(sequencer.HaltJournal); err != nil {
				return err
			}
			_, _, err := b.store.Usage(ctx)
			return err
		}},
		{Name: "disk", Run: func(context.Context) error { return b.seq.Space() }},
		{Name: "archive", Run: func(context.Context) error { return b.seq.Records() }},
		{Name: "tiles", Run: func(context.Context) error { return b.seq.Tiles() }},
		{Name: "index", Run: func(context.Context) error {
			if err := b.seq.Indexed(); err != nil {
				return err
			}
			_, err := b.index.Queues()
			return err
		}},
		{Name: "clock", Note: true, Run: func(context.Context) error {
			return clockNote(b.seq.Clock())
		}},
		{Name: "accepting", Run: b.accepting},
	}
}
