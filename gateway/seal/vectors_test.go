package seal

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

var update = flag.Bool("update", false, "make the test vectors anew")

const vectors = "testdata/vectors"

// What no draw of chance is in is made anew and compared byte for byte; the rest
// (ML-DSA's signatures, the age file) is verified and opened.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	identity, recipient := openingKey(t, "fi.spoc")
	b := vector(t, "envelope")
	e, err := envelope.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Bytes(), b) {
		t.Error("the envelope is written again otherwise")
	}
	if err := signed.Verify(e.Note, signed.PublicKeys(keysOf(t, "se.spoc", signed.UseMessage))); err != nil {
		t.Error(err)
	}
	c, key, err := Open(e, identity)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := OpenWith(e, key); err != nil || !equal(again, c) {
		t.Errorf("with the file key alone: %v", err)
	}
	want := content()
	want.bodySalt, want.statisticsSalt = c.bodySalt, c.statisticsSalt
	if !equal(c, want) {
		t.Errorf("opened %+v", c)
	}
	mustEqual(t, "body", c.Body)
	mustEqual(t, "statistics", c.Statistics)
	mustEqual(t, "frame", frameOf(t, e.Header, c))

	expected := header(t)
	expected.ToKey = envelope.KeyIDOf(recipient)
	expected.Body, expected.Statistics = c.commitments()
	expected.Sealed = envelope.SealedOf(e.Sealed)
	mustEqual(t, "values", values(e))
	if e.Text() != expected.Text() {
		t.Errorf("the header is\n%s", e.Text())
	}
	mustEqual(t, "keys", publicKeys(t))
	for name, note := range statementNotes(t, e.TextHash()) {
		mustEqual(t, name, note)
	}
}

// A reader in another language compares its own verdicts with these names.
func TestFaultVectors(t *testing.T) {
	files, err := os.ReadDir(filepath.Join(vectors, "faults"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(faults(t)) {
		t.Errorf("%d files", len(files))
	}
	for _, f := range files {
		t.Run(f.Name(), func(t *testing.T) {
			wantCode(t, verdict(t, vector(t, "faults/"+f.Name())), problem.Code(f.Name()))
		})
	}
}

// The statements parse in their own form, verify with their own key and use, and
// with no other: the online ring can't say the locked ring's words.
func TestStatementVectors(t *testing.T) {
	online := signed.PublicKeys(keysOf(t, "fi.spoc", signed.UseConsignment))
	n, err := signed.ParseNote(vector(t, "consignment"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.ParseStatement(n.Text); err != nil {
		t.Error(err)
	}
	wantCode(t, signed.Verify(n, online), "")
	for name, signer := range map[string]string{"handed-over": "fi.spoc", "refused": "fi.spoc", "withdrawn": "se.spoc"} {
		n, err := signed.ParseNote(vector(t, name))
		if err != nil {
			t.Fatal(err)
		}
		s, err := envelope.ParseStatement(n.Text)
		if err != nil {
			t.Fatal(err)
		}
		if string(s.Event) != name || string(s.Signer) != signer {
			t.Errorf("%s: event %s of %s", name, s.Event, s.Signer)
		}
		wantCode(t, signed.Verify(n, signed.PublicKeys(statementKey(t, signer))), "")
		wantCode(t, signed.Verify(n, online), problem.SignatureMissing)
	}
}

// statementKey is the Ed25519 key of the message pair (SPEC §3).
func statementKey(t testing.TB, name string) []*signed.PrivateKey {
	return keysOf(t, name, signed.UseMessage)[:1]
}

// verdict is what a desk says of an envelope of se.spoc to fi.spoc.
func verdict(t testing.TB, b []byte) error {
	e, err := envelope.Parse(b)
	if err != nil {
		return err
	}
	if err := signed.Verify(e.Note, signed.PublicKeys(keysOf(t, "se.spoc", signed.UseMessage))); err != nil {
		return err
	}
	identity, _ := openingKey(t, "fi.spoc")
	_, _, err = Open(e, identity)
	return err
}

func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustEqual(t *testing.T, name string, made []byte) {
	t.Helper()
	if !bytes.Equal(vector(t, name), made) {
		t.Errorf("%s differs; made anew it is\n%q", name, made)
	}
}

func writeVectors(t *testing.T) {
	write := func(name string, b []byte) {
		path := filepath.Join(vectors, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c := content()
	e, _ := sealedMessage(t, c)
	write("envelope", e.Bytes())
	write("body", c.Body)
	write("statistics", c.Statistics)
	write("frame", frameOf(t, e.Header, c))
	write("values", values(e))
	write("keys", publicKeys(t))
	for name, note := range statementNotes(t, e.TextHash()) {
		write(name, note)
	}
	for code, b := range faults(t) {
		write("faults/"+string(code), b)
	}
}

// publicKeys lists all keys of the vectors, one a line.
func publicKeys(t testing.TB) []byte {
	var b bytes.Buffer
	for _, desk := range []string{"fi.spoc", "se.spoc"} {
		for _, use := range []signed.Use{signed.UseMessage, signed.UseConsignment} {
			for _, k := range signed.PublicKeys(keysOf(t, desk, use)) {
				fmt.Fprintf(&b, "%s %s %s %s\n", desk, use, k.Algorithm, signed.EncodeBytes(k.Bytes))
			}
		}
		_, recipient := openingKey(t, desk)
		fmt.Fprintf(&b, "%s opening %s\n", desk, recipient)
	}
	return b.Bytes()
}

// values are what a reader computes on the way.
func values(e *envelope.Envelope) []byte {
	return fmt.Appendf(nil, "text-hash %s\nframe-bound-to %s\nto-key %s\ncommitment body %s\ncommitment statistics %s\n",
		e.TextHash(), signed.HashOf(e.Bound()), e.ToKey, e.Body, e.Statistics)
}

// statementNotes are signed by Ed25519 alone, so each has one result.
func statementNotes(t testing.TB, message signed.Hash) map[string][]byte {
	h := header(t)
	sign := func(text string, keys []*signed.PrivateKey) []byte {
		n, err := signed.Sign(text, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return n.Bytes()
	}
	consignment := envelope.Statement{Event: envelope.Consigned,
		Exchange: h.Exchange, Signer: "fi.spoc", Message: message, Time: at(t, "2026-11-23T03:12:01Z"),
		AsOfAudit: h.AsOfAudit, AsOfRegister: h.AsOfRegister,
	}
	handedOver := envelope.Statement{
		Exchange: h.Exchange, Signer: "fi.spoc", Event: envelope.HandedOver, Message: message, Time: at(t, "2026-11-23T03:12:02Z"),
		AsOfAudit: h.AsOfAudit, AsOfRegister: h.AsOfRegister,
	}
	refused, withdrawn := handedOver, handedOver
	refused.Event, refused.Code = envelope.Refused, problem.BodyInvalid
	withdrawn.Event, withdrawn.Signer, withdrawn.ID = envelope.Withdrawn, "se.spoc", h.ID
	return map[string][]byte{
		"consignment": sign(consignment.Text(), keysOf(t, "fi.spoc", signed.UseConsignment)),
		"handed-over": sign(handedOver.Text(), statementKey(t, "fi.spoc")),
		"refused":     sign(refused.Text(), statementKey(t, "fi.spoc")),
		"withdrawn":   sign(withdrawn.Text(), statementKey(t, "se.spoc")),
	}
}

// faults are envelopes with one fault each, by the code that it meets.
func faults(t testing.TB) map[problem.Code][]byte {
	sealed := tampered(t)
	good := sealed["as it should be"].envelope
	b := string(good.Bytes())
	first := "— se.spoc " + strings.SplitN(b, "— se.spoc ", 3)[1]
	second := "— se.spoc " + strings.SplitN(strings.SplitN(b, "— se.spoc ", 3)[2], "\n", 2)[0] + "\n"
	out := map[problem.Code][]byte{
		problem.TextMalformed:    []byte(strings.Replace(b, "urgency urgent\n", "urgency urgent\nurgency urgent\n", 1)),
		problem.SealedMismatch:   []byte(b + "\x00"),
		problem.SignatureMissing: []byte(strings.Replace(b, second, "", 1)),
		problem.SignatureExtra:   []byte(strings.Replace(b, first, first+first, 1)),
		problem.SignatureInvalid: []byte(strings.Replace(b, "urgency urgent\n", "urgency non-urgent\n", 1)),
	}
	for code, name := range map[problem.Code]string{
		problem.SealInvalid:        "second hybrid stanza",
		problem.SealUnreadable:     "payload cut by a byte",
		problem.FrameInvalid:       "padding not zero",
		problem.FrameMismatch:      "header: expiry moved",
		problem.CommitmentMismatch: "commitment: body",
	} {
		out[code] = sealed[name].envelope.Bytes()
	}
	return out
}
