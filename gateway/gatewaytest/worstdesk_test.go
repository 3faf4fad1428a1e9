//go:build soak

package gatewaytest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A hostile desk, and what it was answered.
type hostile struct {
	*worst
	*KeyedDesk
	register *register.Register
	client   *api.Client
	audit    signed.Head // claims to know nothing of the log

	mu       sync.Mutex // guards what follows
	changed  *sync.Cond
	begun    int // goes, in a step
	done     int // of these
	standing int // workers that hold something until the step ends
	goes     int // in all of a way
	answers  map[string]int
	sent     map[string][]*envelope.Envelope // by a way, to be used again
	entry    []byte                          // that is not entered yet
	made     int                             // names of desks
}

// begin begins a way, and step one of its steps.
func (h *hostile) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.goes, h.answers = 0, map[string]int{}
}

func (h *hostile) step(way) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begun, h.done, h.standing = 0, 0, 0
}

// work goes on until the step ends.
func (h *hostile) work(ctx context.Context, w way) {
	for ctx.Err() == nil {
		h.mu.Lock()
		rests := w.most && h.begun >= worstMost
		if !rests {
			h.begun++
			h.goes++
		}
		h.mu.Unlock()
		if rests {
			h.stands(ctx)
			return
		}
		w.act(h, ctx)
		h.mu.Lock()
		h.done++
		h.changed.Broadcast()
		h.mu.Unlock()
	}
}

// stands says that what a worker holds is in place, and waits until the step ends.
func (h *hostile) stands(ctx context.Context) {
	h.mu.Lock()
	h.standing++
	h.changed.Broadcast()
	h.mu.Unlock()
	<-ctx.Done()
}

// until waits until so many goes are over, or all workers have done what they do.
func (h *hostile) until(ctx context.Context, workers, goes int) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.changed.Broadcast()
	})()
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.done < goes && h.standing < workers {
		if ctx.Err() != nil {
			h.worst.Errorf("the hostile desk came no further than %d of %d goes", h.done, goes)
			return
		}
		h.changed.Wait()
	}
}

// count counts answers.
func (h *hostile) count(err error) {
	word := string(problem.CodeOf(err))
	switch {
	case err == nil:
		word = "taken"
	case errors.Is(err, context.Canceled):
		word = "left"
	case word == "" || errors.Is(err, api.ErrUnreachable):
		word = "no answer"
	}
	h.counted(word)
}

func (h *hostile) counted(word string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[word]++
}

// tally is how often the desk was answered, and how.
func (h *hostile) tally() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, word := range slices.Sorted(maps.Keys(h.answers)) {
		all = append(all, fmt.Sprintf("%s %d", word, h.answers[word]))
	}
	return strings.Join(all, ", ")
}

// submit and state bring items, and count what became of each.
func (h *hostile) submit(ctx context.Context, heads api.Heads, items ...[]byte) {
	a, err := h.client.Submit(ctx, heads, items)
	if err != nil {
		h.count(err)
		return
	}
	for i := range a.Items {
		h.count(a.Items[i].Refusal())
	}
}

func (h *hostile) state(ctx context.Context, items ...[]byte) {
	a, err := h.client.State(ctx, api.Heads{}, items)
	if err != nil {
		h.count(err)
		return
	}
	for i := range a.Items {
		h.count(a.Items[i].Refusal())
	}
}

// message makes a message that may pass, of so many bytes that nobody can open.
func (h *hostile) message(to signed.Address, size int, edit ...func(*envelope.Header)) *envelope.Envelope {
	v := h.register.Now()
	header, err := h.Header(v, h.audit, to, "SPONTANEOUS", h.clock.Wall())
	if err != nil {
		panic(err) // the desk is in the register
	}
	for _, e := range edit {
		e(header)
	}
	e, err := h.Sign(*header, noise(size))
	if err != nil {
		panic(err)
	}
	return e
}

// letter makes a message that its recipient opens and reads.
func (h *hostile) letter(to signed.Address, edit ...func(*envelope.Header)) []byte {
	v := h.register.Now()
	header, err := h.Header(v, h.audit, to, "SPONTANEOUS", h.clock.Wall())
	if err != nil {
		panic(err)
	}
	for _, e := range edit {
		e(header)
	}
	e, err := h.Seal(v, header, noticeBody())
	if err != nil {
		panic(err)
	}
	return e.Bytes()
}

// says and consigns sign statements.
func (h *hostile) says(st envelope.Statement) []byte {
	note, err := h.State(st, h.audit, h.register.Head(), h.clock.Wall())
	if err != nil {
		panic(err)
	}
	return note
}

func (h *hostile) consigns(message signed.Hash) []byte {
	note, err := h.Consign(message, h.audit, h.register.Head(), h.clock.Wall())
	if err != nil {
		panic(err)
	}
	return note
}

// own are messages of the hostile desk to itself that were accepted once.
func (h *hostile) own(ctx context.Context, n, size int, edit ...func(*envelope.Header)) []*envelope.Envelope {
	var all []*envelope.Envelope
	var raw [][]byte
	for range n {
		e := h.message(hostileDesk, size, edit...)
		all, raw = append(all, e), append(raw, e.Bytes())
	}
	h.submit(ctx, api.Heads{}, raw...)
	return all
}

// kept are messages that a way made once, and uses in all its goes.
func (h *hostile) kept(name string, make func() []*envelope.Envelope) []*envelope.Envelope {
	h.mu.Lock()
	all, known := h.sent[name]
	h.mu.Unlock()
	if !known {
		all = make()
		h.mu.Lock()
		h.sent[name] = all
		h.mu.Unlock()
	}
	return all
}

// victim is the honest desk that a flood of one recipient goes to.
func (h *hostile) victim() signed.Address { return h.honest[0] }

// tidy ends what the hostile desk sent to itself, so that each way begins alike.
func (h *hostile) tidy(ctx context.Context) error {
	for {
		a, err := h.client.Inbox(ctx, api.Heads{Register: h.register.Size()}, api.Ask{Limit: api.MaxLimit})
		if err != nil || len(a.Items) == 0 {
			return err
		}
		var notes [][]byte
		for _, i := range a.Items {
			e, err := envelope.Parse(i.Envelope)
			if err != nil {
				return err
			}
			notes = append(notes, h.says(envelope.Statement{Event: envelope.HandedOver, Message: e.TextHash()}))
		}
		if _, err := h.client.State(ctx, api.Heads{}, notes); err != nil {
			return err
		}
	}
}

// noise is bytes that nobody can guess or compress.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// several makes n items.
func several(n int, item func() []byte) (all [][]byte) {
	for range n {
		all = append(all, item())
	}
	return all
}

// tls is the hostile desk's own side of a connection, with any certificate.
func (h *hostile) tls(pair *tls.Certificate) *tls.Config {
	conf := h.TLSConfig(h.register.Federation())
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	return conf
}

func (h *hostile) pair() *tls.Certificate {
	pair, err := h.Certificate()
	if err != nil {
		panic(err)
	}
	return pair
}

// dial finishes a handshake and sends the first bytes of HTTP/2, as far as they go.
func (h *hostile) dial(ctx context.Context, pair *tls.Certificate, first string) (net.Conn, error) {
	d := &tls.Dialer{Config: h.tls(pair)}
	c, err := d.DialContext(ctx, "tcp", h.Listen)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { c.Close() })
	_, err = io.WriteString(c, first)
	return c, err
}

// preface is how a client begins HTTP/2, with settings of none.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// transport is a client of the hostile desk's own making, with one connection and windows
// of so many bytes.
func (h *hostile) transport(window int) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Transport{TLSClientConfig: h.tls(h.pair()), Protocols: protocols,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerConnection: max(window, 64<<10), MaxReceiveBufferPerStream: window}}
}

// ask makes a request that no client of ours makes, and counts the answer by its status.
// It reads nothing of the answer's body.
func (h *hostile) ask(ctx context.Context, t *http.Transport, method, path, mediaType string, body io.Reader) *http.Response {
	req, err := http.NewRequestWithContext(ctx, method, h.URL(), body)
	if err != nil {
		panic(err)
	}
	req.URL.Opaque = "//" + h.Listen + path
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	req.Header.Set(api.AuditHeader, "0")
	req.Header.Set(api.RegisterHeader, "0")
	resp, err := t.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			h.counted("left")
		} else {
			h.counted("no answer")
		}
		return nil
	}
	h.counted(fmt.Sprintf("HTTP %d", resp.StatusCode))
	return resp
}

// prime makes the one connection of a transport, so that many requests at once do not make
// one each.
func (h *hostile) prime(ctx context.Context, t *http.Transport) {
	if resp := h.ask(ctx, t, http.MethodGet, "/v1/consistency?from=1&to=1", "", nil); resp != nil {
		resp.Body.Close()
	}
}

// onceWritten is a context that ends when a request was written whole.
func onceWritten(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cancel() }}), cancel
}

// stolen is a certificate for an honest desk's key, which stands in the register, with
// another private key.
func (h *hostile) stolen() *tls.Certificate {
	victim, ok := h.register.Now().Desk(h.victim())
	if !ok {
		panic("the victim is no desk")
	}
	request, err := register.ParseRequest(victim.Card)
	if err != nil {
		panic(err)
	}
	key, err := certs.ParsePublicKey(request.TLSKey)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key, h.TLS)
	if err != nil {
		panic(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: h.TLS}
}
