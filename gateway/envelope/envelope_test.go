package envelope_test

import (
	"bytes"
	"strings"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func signedEnvelope(t testing.TB, h envelope.Header, sealed []byte) *envelope.Envelope {
	t.Helper()
	e, err := envelope.Sign(h, sealed, keysOf(t, "se.spoc", signed.UseMessage))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEnvelopeRoundTrip(t *testing.T) {
	keys := signed.PublicKeys(keysOf(t, "se.spoc", signed.UseMessage))
	for _, h := range []envelope.Header{header(t), fullHeader(t)} {
		e := signedEnvelope(t, h, sealed)
		got, err := envelope.Parse(e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got.Text() != h.Text() || !bytes.Equal(got.Sealed, sealed) || !bytes.Equal(got.Bytes(), e.Bytes()) {
			t.Errorf("read as\n%s", got.Bytes())
		}
		if got.TextHash() != signed.HashOf(h.Text()) {
			t.Errorf("TextHash = %s", got.TextHash())
		}
		if err := signed.Verify(got.Note, keys); err != nil {
			t.Error(err)
		}
	}
}

// ML-DSA draws anew at each signature; what names the message stays.
func TestTextHashLeavesSignaturesOut(t *testing.T) {
	a, b := signedEnvelope(t, header(t), sealed), signedEnvelope(t, header(t), sealed)
	if bytes.Equal(a.Bytes(), b.Bytes()) || a.TextHash() != b.TextHash() {
		t.Error("two signings of one header are the same bytes, or two messages")
	}
}

// Parse hands out bytes of its own: the caller's buffer may be used again.
func TestParseKeepsNothingOfItsInput(t *testing.T) {
	b := signedEnvelope(t, header(t), sealed).Bytes()
	e, err := envelope.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	before := e.Bytes()
	clear(b)
	if !bytes.Equal(e.Bytes(), before) {
		t.Error("the envelope changed with the buffer it was read from")
	}
}

func TestMalformedEnvelopes(t *testing.T) {
	h := header(t)
	e := signedEnvelope(t, h, sealed)
	b := string(e.Bytes())
	text, rest := e.Note.Text, b[len(e.Note.Text):]
	signatures := strings.TrimSuffix(rest[1:], string(sealed))

	cases := map[string]struct {
		bytes string
		code  problem.Code
	}{
		"as signed":                     {b, ""},
		"empty":                         {"", problem.TextMalformed},
		"header alone":                  {text, problem.TextMalformed},
		"without signatures":            {text + "\n" + string(sealed), problem.SignatureMissing},
		"without the sealed part":       {strings.TrimSuffix(b, string(sealed)), problem.SealedMismatch},
		"sealed part cut":               {b[:len(b)-1], problem.SealedMismatch},
		"trailing byte":                 {b + "\x00", problem.SealedMismatch},
		"trailing envelope":             {b + b, problem.SealedMismatch},
		"sealed byte flipped":           {b[:len(b)-1] + "\r", problem.SealedMismatch},
		"space before the sealed part":  {text + "\n" + signatures + "\n" + string(sealed), problem.SealedMismatch},
		"sealed length one less":        {resealed(h, -1, 0) + rest, problem.SealedMismatch},
		"sealed length one more":        {resealed(h, 1, 0) + rest, problem.SealedMismatch},
		"sealed hash altered":           {resealed(h, 0, 1) + rest, problem.SealedMismatch},
		"20 signatures":                 {text + "\n" + strings.Repeat(signatures, 10) + string(sealed), problem.SignatureExtra},
		"signature padded otherwise":    {text + "\n" + strings.Replace(signatures, "=\n", "\n", 1) + string(sealed), problem.TextMalformed},
		"CRLF after the header":         {strings.Replace(b, "\n\n", "\r\n\r\n", 1), problem.TextMalformed},
		"header of endless lines":       {strings.Repeat("a\n", 8<<10) + "\n" + signatures, problem.Oversize},
		"too large":                     {b + strings.Repeat("a", envelope.MaxEnvelope), problem.Oversize},
		"a statement where a header is": {strings.Replace(b, "samband/message/v1", "samband/statement/v1", 1), problem.TextMalformed},
	}
	full := fullHeader(t)
	fullRest := strings.TrimPrefix(string(signedEnvelope(t, full, sealed).Bytes()), full.Text())
	for name, text := range malformedHeaders(t) {
		// An empty line ends the text earlier; what stands after it is then no
		// signature. Both are refusals, and which one is the first met.
		if strings.Contains(text, "\n\n") {
			continue
		}
		cases["header: "+name] = struct {
			bytes string
			code  problem.Code
		}{text + fullRest, problem.TextMalformed}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := envelope.Parse([]byte(c.bytes))
			wantCode(t, err, c.code)
		})
	}
}

func resealed(h envelope.Header, length int64, hash byte) string {
	h.Sealed.Length += length
	h.Sealed.Hash[31] ^= hash
	return h.Text()
}

// An envelope of exactly the bound is one; a byte more is none.
func TestLargestEnvelope(t *testing.T) {
	h := header(t)
	keys := keysOf(t, "se.spoc", signed.UseMessage)
	// The digits of the length are part of the text: measure with as many.
	big := make([]byte, 1_000_000)
	h.Sealed = envelope.SealedOf(big)
	overhead := len(signedEnvelope(t, h, big).Bytes()) - len(big)
	for extra, code := range map[int]problem.Code{0: "", 1: problem.Oversize} {
		big := make([]byte, envelope.MaxEnvelope-overhead+extra)
		h.Sealed = envelope.SealedOf(big)
		_, err := envelope.Sign(h, big, keys)
		wantCode(t, err, code)
	}
}

// Nobody signs what others would refuse.
func TestSignRefuses(t *testing.T) {
	keys := keysOf(t, "se.spoc", signed.UseMessage)
	for name, c := range map[string]struct {
		change func(*envelope.Header)
		code   problem.Code
	}{
		"another sealed part": {func(h *envelope.Header) { h.Sealed = envelope.SealedOf([]byte("x")) }, problem.SealedMismatch},
		"no sender":           {func(h *envelope.Header) { h.From = "" }, problem.TextMalformed},
		"line in a value":     {func(h *envelope.Header) { h.From = "se.spoc\nto no.spoc AAAAAAAAAAA=" }, problem.TextMalformed},
		"no exchange":         {func(h *envelope.Header) { h.Exchange = signed.Hash{} }, problem.TextMalformed},
		"no times":            {func(h *envelope.Header) { h.Created = signed.Time{} }, problem.TextMalformed},
		"type not ASCII":      {func(h *envelope.Header) { h.Type.Name = "ANFRÅGAN" }, problem.TextMalformed},
		"classification":      {func(h *envelope.Header) { h.Classification = "secret" }, problem.TextMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			h := header(t)
			c.change(&h)
			_, err := envelope.Sign(h, sealed, keys)
			wantCode(t, err, c.code)
		})
	}
}
