//go:build soak

package gatewaytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/schema"
)

// What names a desk.
const (
	suspicious = "SuspiciousRejections"
	nearQuota  = "DeskNearQuota"
	rejected   = "rejections"
)

const harmless = "each call is one that a desk may make, in turn with those of others; it leaves nothing"

// ways are those that the findings of security.md name, and after them more of our own.
var ways = []way{
	{name: "refusals: one byte", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, several(64, func() []byte { return noise(1) })...)
	}},
	{name: "refusals: heads that are not there", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{Register: 1 << 52}, several(64, func() []byte { return noise(1) })...)
	}},
	{name: "refusals: streams reset once written", workers: 8, names: rejected, act: func(h *hostile, ctx context.Context) {
		for range 20 {
			ctx, cancel := onceWritten(ctx)
			h.submit(ctx, api.Heads{}, noise(3))
			cancel()
		}
	}},
	{name: "withdrawals of ids that never were", workers: 2, names: nearQuota, act: func(h *hostile, ctx context.Context) {
		h.state(ctx, several(api.MaxItems, func() []byte { return h.says(envelope.Statement{Event: envelope.Withdrawn, ID: signed.NewID()}) })...)
	}},
	{name: "wants of messages to itself, never ended", workers: 1, most: true, names: nearQuota, act: func(h *hostile, ctx context.Context) {
		for _, e := range h.own(ctx, 6, 512<<10) {
			for range 40 {
				h.count(h.client.Want(ctx, api.Heads{}, api.Want{Message: e.TextHash()}))
			}
			h.state(ctx, h.consigns(e.TextHash()))
		}
	}},
	{name: "bodies that never end", workers: 4, names: rejected, act: func(h *hostile, ctx context.Context) {
		t := h.transport(64 << 10)
		defer t.CloseIdleConnections()
		h.prime(ctx, t)
		unread(h, ctx, 64, func() *http.Response {
			return h.ask(ctx, t, http.MethodPost, "/v1/envelopes", api.EnvelopesType, io.MultiReader(bytes.NewReader(noise(32)), never{ctx}))
		})
	}},
	{name: "answers that nobody reads", workers: 4, why: harmless, act: func(h *hostile, ctx context.Context) {
		t := h.transport(4 << 10)
		defer t.CloseIdleConnections()
		h.prime(ctx, t)
		unread(h, ctx, 64, func() *http.Response {
			return h.ask(ctx, t, http.MethodGet, "/v1/register?from=0", "", nil)
		})
	}},
	{name: "connections", workers: 4, names: "desk_poll_yields", act: func(h *hostile, ctx context.Context) {
		for range 50 {
			if c, err := h.dial(ctx, h.pair(), preface); err != nil {
				h.count(err)
			} else {
				h.counted("connected")
				go io.Copy(io.Discard, c)
			}
		}
		h.stands(ctx)
	}},
	{name: "handshakes with another's certificate", workers: 4, why: "who made no handshake is nobody", act: func(h *hostile, ctx context.Context) {
		c, err := h.dial(ctx, h.stolen(), preface)
		if err == nil {
			_, err = io.Copy(io.Discard, c) // the broker's end of the handshake comes after ours
		}
		if err == nil {
			h.counted("connected")
			return
		}
		h.counted("turned away")
	}},
	{name: "connections that say nothing", workers: 4, why: "who made no handshake is nobody", act: func(h *hostile, ctx context.Context) {
		for range 100 {
			if c, err := net.Dial("tcp", h.Listen); err == nil {
				context.AfterFunc(ctx, func() { c.Close() })
				h.counted("connected")
			}
		}
		h.stands(ctx)
	}},
	{name: "flood: small, to one", workers: 2, most: true, names: rejected, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, several(64, func() []byte { return h.letter(h.victim()) })...)
	}},
	{name: "flood: small, to all", workers: 2, most: true, names: nearQuota, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, h.toAll(64, func(to signed.Address) []byte { return h.letter(to) })...)
	}},
	{name: "flood: 1 MiB, to one", workers: 2, most: true, names: nearQuota, act: func(h *hostile, ctx context.Context) {
		for range 10 {
			h.submit(ctx, api.Heads{}, h.message(h.victim(), large).Bytes())
		}
	}},
	{name: "flood: 1 MiB, to all", workers: 2, most: true, names: nearQuota, act: func(h *hostile, ctx context.Context) {
		for _, raw := range h.toAll(20, func(to signed.Address) []byte { return h.message(to, large).Bytes() }) {
			h.submit(ctx, api.Heads{}, raw)
		}
	}},
	{name: "junk that nobody can open", workers: 2, most: true, names: nearQuota, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, h.toAll(64, func(to signed.Address) []byte { return h.message(to, 200).Bytes() })...)
	}},
	{name: "flood: urgent, to one", workers: 2, most: true, names: rejected, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, several(64, func() []byte {
			return h.letter(h.victim(), func(e *envelope.Header) { e.Urgency = envelope.Urgent })
		})...)
	}},
	{name: "messages near their expiry", workers: 2, most: true, expire: true, names: rejected, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, several(64, func() []byte {
			return h.message(hostileDesk, 200, func(e *envelope.Header) {
				e.Created, e.Expires = e.Created.Add(-time.Hour), e.Created.Add(time.Duration(noise(1)[0]%4)*time.Second)
			}).Bytes()
		})...)
	}},
	{name: "statements without effect", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		h.state(ctx, several(32, func() []byte {
			return h.says(envelope.Statement{Event: envelope.HandedOver, Message: signed.Hash(noise(32))})
		})...)
		h.state(ctx, several(32, func() []byte { return h.consigns(signed.Hash(noise(32))) })...)
	}},
	{name: "one statement, repeated", workers: 4, why: harmless, act: func(h *hostile, ctx context.Context) {
		e := h.kept("repeated statement", func() []*envelope.Envelope { return h.own(ctx, 1, 200) })[0]
		note, err := h.State(envelope.Statement{Event: envelope.HandedOver, Message: e.TextHash()}, h.audit, e.AsOfRegister, time.Unix(e.Created.Unix(), 0))
		if err != nil {
			panic(err)
		}
		h.state(ctx, several(128, func() []byte { return note })...)
	}},
	{name: "lists of erasures", workers: 2, names: nearQuota, act: func(h *hostile, ctx context.Context) {
		h.state(ctx, several(api.MaxItems, func() []byte {
			return h.says(envelope.Statement{Event: envelope.Erased, List: noise(envelope.ErasureList)})
		})...)
	}},
	{name: "register entries, and refused ones", workers: 1, most: true, names: "PartyNearQuota entries", act: (*hostile).enters},
	{name: "polls by the hundred", workers: 2, names: "desk_poll_yields", act: func(h *hostile, ctx context.Context) {
		a, err := h.client.Inbox(ctx, api.Heads{Register: h.register.Size()}, api.Ask{Limit: 1})
		if err != nil {
			h.count(err)
			return
		}
		end, err := auditlog.VerifyCheckpoint([]byte(a.Catchup.Audit.Checkpoint), h.register.Federation().Audit)
		if err != nil {
			panic(err)
		}
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				var err error
				if n%2 == 0 {
					_, err = h.client.Inbox(ctx, api.Heads{Register: h.register.Size()}, api.Ask{Wait: api.MaxWait, Limit: 1})
				} else {
					_, err = h.client.Progress(ctx, api.Heads{Register: h.register.Size()}, api.Page{After: api.Cursor(end.Size), Wait: api.MaxWait, Limit: 1})
				}
				h.count(err)
			})
		}
		h.stands(ctx)
		all.Wait()
	}},
	{name: "the ring shown, by the thousand", workers: 4, names: rejected, act: func(h *hostile, ctx context.Context) {
		for n := range 100 {
			h.count(h.client.Ring(ctx, func(exporter signed.Hash) ([]byte, error) {
				if n%4 == 0 {
					exporter = signed.Hash(noise(32))
				}
				return note((&api.Shown{Exchange: h.KeyedDesk.Exchange, Signer: hostileDesk, Exporter: exporter}).Text(), h.Message[:1]...)
			}))
		}
	}},
	{name: "checkpoints shown", workers: 4, names: rejected, act: func(h *hostile, ctx context.Context) {
		a, err := h.client.Inbox(ctx, api.Heads{Register: h.register.Size()}, api.Ask{Limit: 1})
		if err != nil {
			h.count(err)
			return
		}
		for range 20 {
			h.count(h.client.Show(ctx, []byte(a.Catchup.Audit.Checkpoint)))
			h.count(h.client.Show(ctx, []byte(strings.Replace(a.Catchup.Audit.Checkpoint, "\n", "\n9", 1))))
			h.count(h.client.Show(ctx, noise(api.MaxCheckpoint)))
		}
	}},
	{name: "held lists of 4,096", workers: 4, why: harmless, act: func(h *hostile, ctx context.Context) {
		var held api.Held
		for range api.MaxHeld {
			held = append(held, signed.Hash(noise(32)))
		}
		slices.SortFunc(held, func(a, b signed.Hash) int { return bytes.Compare(a[:], b[:]) })
		for range 4 {
			_, err := h.client.Inbox(ctx, api.Heads{}, api.Ask{Held: held, Limit: api.MaxLimit})
			h.count(err)
		}
	}},
	{name: "odd routes", workers: 4, names: rejected, act: func(h *hostile, ctx context.Context) {
		t := h.transport(64 << 10)
		defer t.CloseIdleConnections()
		for _, path := range []string{"//v1//inbox", "/v1/../v1/inbox", "/metrics", "/v1/inbox/", "/V1/INBOX", "/v1/%69nbox", "/" + strings.Repeat("a", 8<<10)} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, "BREW"} {
				if resp := h.ask(ctx, t, method, path, "", nil); resp != nil {
					resp.Body.Close()
				}
			}
		}
	}},
	{name: "old texts, repeated", workers: 4, why: harmless, act: func(h *hostile, ctx context.Context) {
		var raw [][]byte
		for _, e := range h.kept("old texts", func() []*envelope.Envelope {
			return append(h.own(ctx, 32, 200), h.message(h.victim(), 200, func(o *envelope.Header) { o.To = "p1.nobody" }))
		}) {
			raw = append(raw, e.Bytes())
		}
		h.submit(ctx, api.Heads{}, raw...)
	}},

	// Of our own.
	{name: "one id, ever new texts", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		e := h.kept("one id", func() []*envelope.Envelope { return h.own(ctx, 1, 200) })[0]
		h.submit(ctx, api.Heads{}, several(16, func() []byte {
			return h.message(hostileDesk, 200, func(o *envelope.Header) { o.ID = e.ID }).Bytes()
		})...)
	}},
	{name: "in another desk's name", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, several(16, func() []byte {
			return h.message(hostileDesk, 200, func(o *envelope.Header) { o.From = h.victim() }).Bytes()
		})...)
	}},
	{name: "what no agreement permits", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, several(16, func() []byte {
			return h.message(h.victim(), 200, func(o *envelope.Header) { o.Agreement = signed.Hash(noise(32)) }).Bytes()
		})...)
	}},
	{name: "sealed bytes that are not those signed", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, several(16, func() []byte {
			raw := h.message(h.victim(), 200).Bytes()
			raw[len(raw)-1] ^= 1
			return raw
		})...)
	}},
	{name: "signatures that do not verify", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		e := h.message(h.victim(), 200)
		h.submit(ctx, api.Heads{}, several(16, func() []byte {
			return bytes.Replace(e.Bytes(), []byte(e.ID.String()), []byte(signed.NewID().String()), 1)
		})...)
	}},
	{name: "answers to what never was, and dates of tomorrow", workers: 2, most: true, names: rejected, act: func(h *hostile, ctx context.Context) {
		h.submit(ctx, api.Heads{}, several(8, func() []byte {
			return h.message(h.victim(), 200, func(o *envelope.Header) { o.Created, o.Expires = o.Created.Add(day), o.Expires.Add(day) }).Bytes()
		})...)
		h.submit(ctx, api.Heads{}, several(8, func() []byte {
			return h.message(hostileDesk, 200, func(o *envelope.Header) { o.InReplyTo = signed.Hash(noise(32)) }).Bytes()
		})...)
	}},
	{name: "sent and withdrawn at once", workers: 2, most: true, names: nearQuota, act: func(h *hostile, ctx context.Context) {
		var raw, back [][]byte
		for range 64 {
			e := h.message(h.victim(), 200)
			raw, back = append(raw, e.Bytes()), append(back, h.says(envelope.Statement{Event: envelope.Withdrawn, ID: e.ID}))
		}
		h.submit(ctx, api.Heads{}, raw...)
		h.state(ctx, back...)
	}},
	{name: "signed heads that the log has not", workers: 2, names: "Alarm head-ahead", act: func(h *hostile, ctx context.Context) {
		ahead := h.audit
		ahead.Size, ahead.Root = 1<<40, signed.Hash(noise(32))
		h.submit(ctx, api.Heads{}, several(16, func() []byte {
			return h.message(h.victim(), 200, func(o *envelope.Header) { o.AsOfAudit = ahead }).Bytes()
		})...)
	}},
	{name: "signed heads of another log", workers: 2, names: "Alarm head-contradicts", act: func(h *hostile, ctx context.Context) {
		other := h.audit
		other.Size, other.Root = 3, signed.Hash(noise(32))
		h.submit(ctx, api.Heads{}, several(16, func() []byte {
			return h.message(h.victim(), 200, func(o *envelope.Header) { o.AsOfAudit = other }).Bytes()
		})...)
	}},
	{name: "handshakes made and left", workers: 4, why: "a handshake costs the broker what it costs the desk; it leaves nothing", act: func(h *hostile, ctx context.Context) {
		for range 10 {
			if c, err := h.dial(ctx, h.pair(), preface); err == nil {
				c.Close()
				h.counted("connected")
			}
		}
	}},
	{name: "HTTP/2 broken", workers: 4, names: "edge_faults", act: func(h *hostile, ctx context.Context) {
		for _, bytes := range []string{"GET / HTTP/1.1\r\n\r\n", preface + "\xff\xff\xff\x00\x00\x00\x00\x00\x01", preface + "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"} {
			if c, err := h.dial(ctx, h.pair(), bytes); err == nil {
				io.Copy(io.Discard, c)
				c.Close()
				h.counted("cut off")
			}
		}
	}},
	{name: "settings by the million, nothing read", workers: 8, why: "it leaves nothing; the server cuts the connection off", act: func(h *hostile, ctx context.Context) {
		c, err := h.dial(ctx, h.pair(), preface)
		if err != nil {
			h.count(err)
			return
		}
		defer c.Close()
		flood := bytes.Repeat([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), 10_000)
		for range 20 {
			if c.SetWriteDeadline(time.Now().Add(time.Second)); err == nil {
				_, err = c.Write(flood)
			}
		}
		if err != nil {
			h.counted("cut off")
			return
		}
		h.counted("read")
	}},
	{name: "header lines of 64 KiB", workers: 4, why: harmless, act: func(h *hostile, ctx context.Context) {
		t := h.transport(64 << 10)
		defer t.CloseIdleConnections()
		if resp := h.ask(ctx, t, http.MethodGet, "/v1/"+strings.Repeat("a", 64<<10), "", nil); resp != nil {
			resp.Body.Close()
		}
	}},
	{name: "all of the register, of proofs and of progress", workers: 8, why: harmless, act: func(h *hostile, ctx context.Context) {
		_, errs := h.client.Register(ctx, api.Heads{}, 0, api.MaxEntries, 0)
		h.count(errs)
		_, err := h.client.Consistency(ctx, 1, 1+int64(noise(1)[0]))
		h.count(err)
		_, err = h.client.Progress(ctx, api.Heads{}, api.Page{Limit: api.MaxLimit})
		h.count(err)
	}},
	{name: "the catalogue, over and over", workers: 8, why: harmless, act: func(h *hostile, ctx context.Context) {
		_, err := h.client.Catalogue(ctx, schema.EmbeddedBundle().Hash)
		h.count(err)
	}},
	{name: "bodies too long, and too deep", workers: 4, names: rejected, act: func(h *hostile, ctx context.Context) {
		t := h.transport(64 << 10)
		defer t.CloseIdleConnections()
		for path, body := range map[string]io.Reader{
			"/v1/envelopes": bytes.NewReader(make([]byte, api.MaxSequence+1)),
			"/v1/inbox":     strings.NewReader(strings.Repeat("[", 100_000)),
			"/v1/want":      strings.NewReader(`{"message":` + strings.Repeat(`{"message":`, 80)),
		} {
			mediaType := api.JSONType
			if path == "/v1/envelopes" {
				mediaType = api.EnvelopesType
			}
			if resp := h.ask(ctx, t, http.MethodPost, path, mediaType, body); resp != nil {
				resp.Body.Close()
			}
		}
	}},
	{name: "one good message in each call of refusals", workers: 2, most: true, names: suspicious, act: func(h *hostile, ctx context.Context) {
		items := several(255, func() []byte { return noise(40) })
		h.submit(ctx, api.Heads{}, append(items, h.letter(h.victim()))...)
	}},
	{name: "notes of 64 KiB", workers: 4, names: suspicious, act: func(h *hostile, ctx context.Context) {
		h.state(ctx, several(60, func() []byte { return noise(api.MaxStatement) })...)
	}},
	{name: "refusals and reads, from many connections", workers: 8, names: suspicious, act: func(h *hostile, ctx context.Context) {
		other, err := h.Client(h.URL(), h.ca)
		if err != nil {
			panic(err)
		}
		defer other.Close()
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				_, err := other.Submit(ctx, api.Heads{}, several(64, func() []byte { return noise(1000) }))
				h.count(err)
				_, err = other.Inbox(ctx, api.Heads{}, api.Ask{Limit: api.MaxLimit})
				h.count(err)
			})
		}
		calls.Wait()
	}},
}

// large is a sealed part whose envelope is near the bound.
const large = api.MaxEnvelope - 16<<10

const day = 24 * time.Hour

// toAll makes n items, each to the next honest desk.
func (h *hostile) toAll(n int, item func(to signed.Address) []byte) (all [][]byte) {
	for i := range n {
		all = append(all, item(h.honest[i%len(h.honest)]))
	}
	return all
}

// unread makes n requests at once, and keeps their answers unread until the step ends.
func unread(h *hostile, ctx context.Context, n int, ask func() *http.Response) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if resp := ask(); resp != nil {
				<-ctx.Done()
				resp.Body.Close()
			}
		})
	}
	h.stands(ctx)
	all.Wait()
}

// A never reader has no more bytes, and does not end before its context.
type never struct{ ctx context.Context }

func (n never) Read([]byte) (int, error) {
	<-n.ctx.Done()
	return 0, n.ctx.Err()
}

// enters has the operator enter ever new desks of the hostile desk's party, and what is no
// entry.
func (h *hostile) enters(ctx context.Context) {
	local, err := broker.NewClient(h.BrokerDir())
	if err != nil {
		panic(err)
	}
	for range 10 {
		if h.entry == nil {
			h.made++
			if _, err := h.NewKeyedDesk(signed.Address(fmt.Sprintf("xx.d%d", h.made)), anywhere); err != nil {
				panic(err)
			}
			h.entry = h.Entries[len(h.Entries)-1]
		}
		_, err := local.Enter(ctx, h.entry)
		h.count(err)
		if err == nil {
			if _, err := h.register.Append(h.entry); err != nil {
				panic(err)
			}
			h.entry = nil // else the same goes again: it has its place in the party's chain
		}
		_, err = local.Enter(ctx, noise(1000))
		h.count(err)
	}
}
