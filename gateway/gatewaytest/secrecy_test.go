package gatewaytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// caseMarkers are words that stand in the messages of this story, and nowhere
// else in the world.
var caseMarkers = map[string]string{
	"the suspect":              "Åkerblåst-Šimůnek",
	"the suspect, in Cyrillic": "Окерблост-Шимунек",
	"the suspect, in Greek":    "Ακερμπλάστ-Σίμουνεκ",
	"the suspect, in Arabic":   "أكيربلاست شيمونيك",
	"the suspect, in Japanese": "オーケルブロースト氏",
	"the victim":               "Märta Lindqvist Haddad",
	"the officer":              "Gunhild Örnfjäder",
	"the subject":              "Grovt rån och människorov",
	"the reference":            "STHLM-K-0482217-26",
	"a file's name":            "förhör-Norrtälje.txt",
	"a file":                   "Vittnet såg en mörkblå skåpbil vid kajen",
	"a field of no schema":     "tattoo_of_a_crow",
	"the passphrase":           Passphrase,
}

// secrecy searches for words of the messages: none is in anything that the broker
// has, in its folder, its log, its metrics, while it runs and when it has
// stopped. Nor is there any in the folder of a desk. said is what all the
// programs logged. It ends the scene.
func (d *busyDay) secrecy(said *journal) {
	markers := map[string][]byte{"the photograph": d.photo[3000:3040]}
	for name, m := range caseMarkers {
		markers[name] = []byte(m)
	}
	words := newSearch(markers)
	waiting := d.unopened()
	d.nothing(words, "the broker's folder", d.BrokerDir())
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		if found := words.in(d.operator(path)); len(found) != 0 {
			d.Errorf("%s tells %q", path, found)
		}
	}
	status := got(json.Marshal(got(d.local.Status(d.Context()))(d)))(d)
	if found := words.in(status); len(found) != 0 {
		d.Errorf("the local socket tells %q", found)
	}
	if err := d.Desks["fi.spoc"].Lock(d.Context()); err != nil {
		d.Fatal(err)
	}
	d.nothing(words, "the locked desk's folder", d.DeskDir("fi.spoc"))
	d.nothing(words, "the unlocked desk's folder", d.DeskDir("se.spoc"))

	// The search looks where things lie: it finds what they may have.
	open := newSearch(map[string][]byte{
		"an id": []byte(waiting.ID.String()), "sealed bytes": waiting.Sealed[200:264],
	})
	held, err := open.inFolder(d.BrokerDir())
	if err != nil || !hasSuffix(held, "an id, as it is") || !hasSuffix(held, "sealed bytes, as it is") {
		d.Errorf("of a message that waits the broker has %q, %v", held, err)
	}
	if !bytes.Contains(d.operator("/metrics"), []byte("samband_")) || !bytes.Contains(said.bytes(), []byte(`"msg"`)) {
		d.Error("there are no metrics, or nothing was logged")
	}

	if err := d.Stop(); err != nil {
		d.Fatal(err)
	}
	d.nothing(words, "the broker's folder, stopped", d.BrokerDir())
	d.nothing(words, "a stopped desk's folder", d.DeskDir("se.spoc"))
	d.nothing(words, "a stopped desk's folder", d.DeskDir("fi.spoc"))
	if found := words.in(said.bytes()); len(found) != 0 {
		d.Errorf("the programs logged %q", found)
	}
}

func (s *scene) nothing(words *search, what, dir string) {
	s.Helper()
	found, err := words.inFolder(dir)
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range found {
		s.Errorf("%s: %s", what, strings.TrimPrefix(f, s.Dir))
	}
}

// operator asks the broker's own listener.
func (s *scene) operator(path string) []byte {
	s.Helper()
	resp := got(http.Get("http://" + s.Broker.MetricsAddress() + path))(s)
	defer resp.Body.Close()
	return got(io.ReadAll(resp.Body))(s)
}

// A busyDay is what two desks have to say to each other.
type busyDay struct {
	*scene
	photo []byte
}

// marked is a sample's body with the markers of these names in a field; with none
// named, all of them.
func (d *busyDay) marked(file, field string, names ...string) []byte {
	d.Helper()
	var fields map[string]any
	if err := json.Unmarshal(got(schema.Samples.ReadFile("testdata/case/"+file))(d), &fields); err != nil {
		d.Fatal(err)
	}
	delete(fields, "attachments")
	delete(fields, "recipients")
	text := "Handläggare: "
	for name, m := range caseMarkers {
		if len(names) == 0 || slices.Contains(names, name) {
			text += m + "; "
		}
	}
	fields[field] = text
	return got(json.Marshal(fields))(d)
}

// story is a request with files, a clarification, an answer, and a request that
// is taken back.
func (d *busyDay) story() {
	se, fi := d.Desks["se.spoc"], d.Desks["fi.spoc"]
	draft := client.Draft{
		To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Urgent: true, Body: d.marked("01-info-request.json", "facts"),
		Attachments: []client.Attachment{
			{Name: "photo.jpg", MediaType: "image/jpeg", Data: d.photo},
			{Name: caseMarkers["a file's name"], MediaType: "text/plain", Data: []byte(strings.Repeat(caseMarkers["a file"]+"\n", 400))},
		},
	}
	sending := got(se.Send(d.Context(), draft))(d)
	request := d.handedOver("se.spoc", sending)
	clarify := d.handedOver("fi.spoc", got(fi.Answer(d.Context(), client.Ref{ID: request}, client.Draft{Type: "CLARIFY", Body: d.marked("02-clarify.json", "subject", "the officer", "the suspect, in Arabic")}))(d))
	d.handedOver("se.spoc", got(se.Answer(d.Context(), client.Ref{ID: clarify}, client.Draft{Type: "CLARIFICATION", Body: d.marked("03-clarification.json", "subject", "the suspect", "the suspect, in Greek")}))(d))
	d.handedOver("fi.spoc", got(fi.Answer(d.Context(), client.Ref{ID: request}, client.Draft{Type: "ANSWER", Body: d.marked("04-answer.json", "information")}))(d))
	got(fi.Read(d.Context(), client.Ref{ID: request}))(d)
	got(se.Verify(d.Context(), client.Ref{ID: request}))(d)
}

func (d *busyDay) handedOver(from signed.Address, s *client.Sending) signed.ID {
	d.Helper()
	m := s.Messages[0]
	d.await(from, d.sees(from, m.ID, "handed-over"))
	d.await(m.To, d.receives(m.To, m.ID, "handed-over"))
	return m.ID
}

// refusals are messages that are stopped: at the sender, at the broker, at the
// receiver, whose words about them must be as careful.
func (d *busyDay) refusals() {
	by := d.desk("se.unit-1")
	changed := string(d.marked("01-info-request.json", "facts"))
	for _, body := range []string{
		strings.Replace(changed, `"language"`, `"`+caseMarkers["a field of no schema"]+`":1,"language"`, 1),
		strings.Replace(changed, `"purpose":"INVESTIGATE_CRIME"`, `"purpose":"`+caseMarkers["the suspect"]+`"`, 1),
		strings.Replace(changed, `"language"`, `"`+caseMarkers["the officer"]+`":1,"`+caseMarkers["the officer"]+`":2,"language"`, 1),
		strings.Replace(changed, `{`, caseMarkers["the officer"]+`{`, 1),
		changed + caseMarkers["the victim"],
		strings.Replace(changed, `"language"`, `"persons":{"`+caseMarkers["the victim"]+`":{}},"language"`, 1),
		strings.Replace(changed, `"id":"P1"`, `"id":"`+caseMarkers["the suspect"]+`"`, 1),
	} {
		e := sealing(body)(d.scene, by)
		by.accepted(e)
		by.eventOf(e.ID, envelope.Refused)
		_, err := d.Desks["se.spoc"].Send(d.Context(), client.Draft{To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Urgent: true, Body: []byte(body)})
		if problem.CodeOf(err) == problem.Internal {
			d.Errorf("the desk sends %v", err)
		}
	}
	to := got(d.Desks["se.spoc"].Send(d.Context(), client.Draft{To: []signed.Address{"no.spoc"}, Type: "INFO_REQUEST", Urgent: true, Body: d.marked("01-info-request.json", "facts")}))(d)
	d.await("se.spoc", d.sees("se.spoc", to.Messages[0].ID, "accepted"))
	got(d.Desks["se.spoc"].Withdraw(d.Context(), to.Messages[0].ID))(d)
	d.await("se.spoc", d.sees("se.spoc", to.Messages[0].ID, "withdrawn"))
}

// plaintext is what a broken client may post where sealed bytes belong. The
// broker refuses it, and keeps nothing but a hash.
func (d *busyDay) plaintext() {
	by := d.desk("se.unit-2")
	body := d.marked("01-info-request.json", "facts")
	d.refusal(by.client.Show(d.Context(), body), problem.SignatureInvalid) // it is no checkpoint of ours
	for _, post := range []func() error{
		func() error { _, err := SubmitOne(d.Context(), by.client, by.heads(), body); return err },
		func() error { _, err := StateOne(d.Context(), by.client, by.heads(), body); return err },
		func() error { _, err := d.local.Enter(d.Context(), body); return err },
		func() error {
			e := by.message("fi.spoc", func(*envelope.Header) {})
			text := strings.Replace(e.Note.Text, "urgency", "subject "+caseMarkers["the suspect"]+"\nurgency", 1)
			_, err := SubmitOne(d.Context(), by.client, by.heads(), append(by.signs(text, by.Message...), body...))
			return err
		},
	} {
		d.refusal(post(), problem.TextMalformed)
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: by.TLSConfig(d.register.Federation())}
	defer transport.CloseIdleConnections()
	for _, m := range caseMarkers {
		for _, change := range []func(*http.Request){
			func(r *http.Request) { r.URL.Path = "/v1/" + m },
			func(r *http.Request) { r.URL.RawQuery = url.Values{"after": {m}}.Encode() },
			func(r *http.Request) { r.URL.RawQuery = url.Values{m: {"1"}}.Encode() },
			func(r *http.Request) { r.Header.Set("X-Subject", url.QueryEscape(m)) },
			func(r *http.Request) { r.Header.Set(api.AuditHeader, url.QueryEscape(m)) },
			func(r *http.Request) { r.Header.Set("User-Agent", m) },
			func(r *http.Request) { r.Host = url.QueryEscape(m) },
		} {
			req := got(http.NewRequestWithContext(d.Context(), http.MethodGet, d.URL()+"/v1/inbox", nil))(d)
			change(req)
			resp, err := transport.RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
		}
	}
}

// unopened is a message that its receiver, a keyed desk, never consigns: the broker
// has it.
func (d *busyDay) unopened() *envelope.Envelope {
	d.Helper()
	sending := got(d.Desks["se.spoc"].Send(d.Context(), client.Draft{
		To: []signed.Address{"no.spoc"}, Type: "INFO_REQUEST", Urgent: true, Body: d.marked("01-info-request.json", "facts"),
	}))(d)
	id := sending.Messages[0].ID
	d.await("se.spoc", d.sees("se.spoc", id, "accepted"))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		for _, i := range d.callers["no.spoc"].inbox(time.Second).Items {
			if e := got(envelope.Parse(i.Envelope))(d); e.ID == id {
				return e
			}
		}
	}
	d.Fatal("the message doesn't arrive")
	return nil
}

// A journal keeps what is logged.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) bytes() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return bytes.Clone(j.b.Bytes())
}
