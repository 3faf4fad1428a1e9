package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/schema"
)

// ask writes one request without a body as HTTP/2 frames, so that each
// pseudo-header crosses the wire as it is, and returns the body of the answer.
func (b *bench) ask(conf *tls.Config, pseudo ...string) []byte {
	b.t.Helper()
	conf = conf.Clone()
	conf.NextProtos = []string{"h2"}
	c, err := tls.Dial("tcp", strings.TrimPrefix(b.url, "https://"), conf)
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	var fields []byte
	for _, field := range pseudo {
		name, value, _ := strings.Cut(field, "=")
		fields = append(fields, 0, byte(len(name))) // a literal, kept in no table (RFC 7541 §6.2.2)
		fields = append(append(append(fields, name...), byte(len(value))), value...)
	}
	const settings, headers, endStreamEndHeaders = 4, 1, 5
	out := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	out = append(frame(out, settings, 0, 0, nil), frame(nil, headers, endStreamEndHeaders, 1, fields)...)
	if _, err := c.Write(out); err != nil {
		b.t.Fatal(err)
	}
	var body []byte
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(c, head); err != nil {
			b.t.Fatalf("the answer to %v ends: %v", pseudo, err)
		}
		payload := make([]byte, binary.BigEndian.Uint32(head)>>8)
		if _, err := io.ReadFull(c, payload); err != nil {
			b.t.Fatal(err)
		}
		switch kind, ends := head[3], head[4]&1 == 1; {
		case binary.BigEndian.Uint32(head[5:]) != 1:
		case kind == 0:
			if body = append(body, payload...); ends {
				return body
			}
		case kind != headers || ends:
			b.t.Fatalf("the answer to %v is a frame of type %d, %x", pseudo, kind, payload)
		}
	}
}

func frame(to []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	to = append(to, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
	return append(binary.BigEndian.AppendUint32(to, stream), payload...)
}

// What is not in the contract to the byte gets the contract's answer, whatever a
// multiplexer would make of it: it is counted, and a barred desk gets that of a
// barred desk.
func TestPathsAreExact(t *testing.T) {
	bundle := schema.BundleHash{}.Hex()
	requests := map[string][]string{
		"OPTIONS *":      {":method=OPTIONS", ":path=*"},
		"CONNECT":        {":method=CONNECT"},
		"absolute form":  {":method=GET", ":path=https://broker.example/v1/inbox"},
		"another method": {":method=GETS", ":path=/v1/inbox"},
		"lower case":     {":method=get", ":path=/v1/inbox"},
	}
	for _, path := range []string{
		"//v1//inbox", "//v1/inbox", "/v1/../v1/inbox", "/v1/./inbox", "/./v1/inbox", "/v1/inbox/", "/v1/inbox/.", "/v1/%69nbox",
		"/v1%2finbox", "/v1/inbox%00", "/V1/inbox", "/v1", "/", "/v1/inbox;a=b", "/v1/inbox#progress", "/v1/openapi.json/..",
		"/v1/catalogue", "/v1/catalogue/", "/v1/catalogue//" + bundle, "/v1/catalogue/../catalogue/" + bundle, "/v1/catalogue/" + bundle + "/",
		"/v1//catalogue/" + bundle, "/v1/{hash}", "/v1/inbox%3Flimit=1",
	} {
		requests[path] = []string{":method=GET", ":path=" + path}
	}
	b := newBench(t)
	conf := b.tls("se.spoc")
	for _, barred := range []bool{false, true} {
		want := problem.NotFound
		if barred {
			want = problem.DeskBarred
			b.mu.Lock()
			b.barred["se.spoc"] = true
			b.mu.Unlock()
		}
		for name, pseudo := range requests {
			pseudo = append(pseudo, ":authority=broker.example")
			if pseudo[0] != ":method=CONNECT" {
				pseudo = append(pseudo, ":scheme=https")
			}
			var d api.Document
			body := b.ask(conf, pseudo...)
			if err := json.NewDecoder(bytes.NewReader(body)).Decode(&d); err != nil || d.Code != want || d.Status != want.Row().Status {
				t.Errorf("%s, barred %v: %v, %.100q", name, barred, err, body)
			}
		}
		if n := b.metric("samband_message_rejections_total", string(want), "se.spoc"); int(n) != len(requests) {
			t.Errorf("of %d requests %v were counted as %s", len(requests), n, want)
		}
	}
	if err := b.handOn(context.Background()); err != nil || b.summed["se.spoc"] == 0 {
		t.Errorf("refusals handed on: %v, %v", b.summed, err)
	}
}

// The hash is what stands at the end of the path, to the byte.
func TestHashIsNotUnescaped(t *testing.T) {
	bundle := schema.BundleHash{}.Hex()
	b := newBench(t)
	conf := b.tls("se.spoc")
	for path, want := range map[string]problem.Code{bundle: problem.BundleMissing, "%30" + bundle[1:]: problem.TextMalformed} {
		var d api.Document
		body := b.ask(conf, ":method=GET", ":scheme=https", ":authority=broker.example", ":path=/v1/catalogue/"+path)
		if err := json.Unmarshal(body, &d); err != nil || d.Code != want {
			t.Errorf("%s: %v, %.100q", path, err, body)
		}
	}
}
