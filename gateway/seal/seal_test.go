package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// equal compares contents; no bytes and none are the same.
func equal(a, b *Content) bool {
	if len(a.Attachments) != len(b.Attachments) {
		return false
	}
	for i := range a.Attachments {
		x, y := a.Attachments[i], b.Attachments[i]
		if x.Name != y.Name || x.MediaType != y.MediaType || !bytes.Equal(x.Data, y.Data) {
			return false
		}
	}
	return bytes.Equal(a.Body, b.Body) && a.bodySalt == b.bodySalt &&
		bytes.Equal(a.Statistics, b.Statistics) && a.statisticsSalt == b.statisticsSalt
}

func TestSealAndOpen(t *testing.T) {
	identity, recipient := openingKey(t, "fi.spoc")
	other, _ := openingKey(t, "no.liaison-ankara")
	c := content()
	e, key := sealedMessage(t, c)
	if e.ToKey != envelope.KeyIDOf(recipient) {
		t.Errorf("the header names the key %s", e.ToKey)
	}
	for _, ring := range [][]string{{identity}, {other, identity}, {identity, other}} {
		got, gotKey, err := Open(e, ring...)
		if err != nil {
			t.Fatal(err)
		}
		if !equal(got, c) {
			t.Errorf("opened %+v, want %+v", got, c)
		}
		if gotKey != key {
			t.Error("opening gives another file key than sealing gave")
		}
	}
	// A year later, with the opening key destroyed, the file key alone reads it.
	got, err := OpenWith(e, key)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(got, c) {
		t.Errorf("reopened %+v", got)
	}
}

func TestSealOfNothing(t *testing.T) {
	identity, _ := openingKey(t, "fi.spoc")
	e, _ := sealedMessage(t, &Content{})
	got, _, err := Open(e, identity)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Body)+len(got.Statistics)+len(got.Attachments) != 0 {
		t.Errorf("opened %+v", got)
	}
}

// Each sealing draws its own salts and file key: equal bodies look unlike.
func TestSealDrawsAnew(t *testing.T) {
	a, keyA := sealedMessage(t, content())
	b, keyB := sealedMessage(t, content())
	if a.Body == b.Body || a.Statistics == b.Statistics || keyA == keyB || bytes.Equal(a.Sealed, b.Sealed) {
		t.Error("two sealings share a commitment, a file key or their bytes")
	}
}

// age opens what we seal: the sealed part is a plain age file.
func TestSealedPartIsAnAgeFile(t *testing.T) {
	identity, _ := openingKey(t, "fi.spoc")
	e, _ := sealedMessage(t, content())
	id, err := age.ParseHybridIdentity(identity)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(e.Sealed), id)
	if err != nil {
		t.Fatal(err)
	}
	var frame bytes.Buffer
	if _, err := frame.ReadFrom(r); err != nil || !strings.HasPrefix(frame.String(), frameMagic) {
		t.Errorf("age reads %.20q, %v", frame.String(), err)
	}
}

func TestSealRefuses(t *testing.T) {
	_, recipient := openingKey(t, "fi.spoc")
	x25519, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"no key": "", "classic key": x25519.Recipient().String(), "key cut": recipient[:len(recipient)-1],
		"capitals": strings.ToUpper(recipient), "space": recipient + " ", "letter changed": recipient[:100] + "q" + recipient[101:] + "q",
	} {
		h := header(t)
		if _, _, err := Seal(&h, content(), bad); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
}

// tampered are envelopes that a sender with valid message keys, or a broker,
// can make. Each is named by its fault, and refused by its code.
func tampered(t testing.TB) map[string]struct {
	code     problem.Code
	envelope *envelope.Envelope
} {
	cases := map[string]struct {
		code     problem.Code
		envelope *envelope.Envelope
	}{}
	add := func(name string, code problem.Code, e *envelope.Envelope) {
		cases[name] = struct {
			code     problem.Code
			envelope *envelope.Envelope
		}{code, e}
	}
	c := content()
	h, recipient := prepared(t, c)
	_, otherRecipient := openingKey(t, "no.liaison-ankara")
	to, other := hybrid(t, recipient), hybrid(t, otherRecipient)
	frame := frameOf(t, h, c)
	sealed := encrypt(t, frame, to)
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}

	add("as it should be", "", carry(t, h, sealed))

	// Who else could read it?
	add("second hybrid stanza", problem.SealInvalid, carry(t, h, encrypt(t, frame, to, other)))
	add("second stanza first", problem.SealInvalid, carry(t, h, encrypt(t, frame, other, to)))
	add("stanza twice", problem.SealInvalid, carry(t, h, encrypt(t, frame, to, to)))
	add("stanza and grease", problem.SealInvalid, carry(t, h, encrypt(t, frame, greased{to})))
	add("classic stanza beside", problem.SealInvalid, carry(t, h, encrypt(t, frame, unlabelled{to}, classic.Recipient())))
	add("classic stanza alone", problem.SealInvalid, carry(t, h, encrypt(t, frame, classic.Recipient())))
	add("grease alone", problem.SealInvalid, carry(t, h, encrypt(t, frame, grease{})))

	// Does it open with the key that the header names?
	add("sealed to another key", problem.SealUnreadable, carry(t, h, encrypt(t, frame, other)))
	add("empty", problem.SealUnreadable, carry(t, h, nil))
	add("no age file", problem.SealUnreadable, carry(t, h, frame))
	add("armored", problem.SealUnreadable, carry(t, h, []byte("-----BEGIN AGE ENCRYPTED FILE-----\n")))
	add("MAC flipped", problem.SealUnreadable, carry(t, h, flip(sealed, bytes.Index(sealed, []byte("\n--- "))+10)))
	add("stanza's body flipped", problem.SealUnreadable, carry(t, h, flip(sealed, bytes.Index(sealed, []byte("\n--- "))-10)))
	add("payload flipped", problem.SealUnreadable, carry(t, h, flip(sealed, len(sealed)-100)))
	add("payload cut by a byte", problem.SealUnreadable, carry(t, h, sealed[:len(sealed)-1]))
	add("payload cut off", problem.SealUnreadable, carry(t, h, sealed[:len(sealed)-len(frame)-16]))
	add("payload longer", problem.SealUnreadable, carry(t, h, append(bytes.Clone(sealed), 0)))
	add("two age files", problem.SealUnreadable, carry(t, h, append(bytes.Clone(sealed), sealed...)))
	large := content()
	large.Body = bytes.Repeat([]byte("a"), 200<<10)
	lh, _ := prepared(t, large)
	whole := encrypt(t, frameOf(t, lh, large), to)
	add("payload cut between chunks", problem.SealUnreadable, carry(t, lh, whole[:len(whole)-(64<<10+16)]))

	// Is it a frame?
	add("no frame", problem.FrameInvalid, carry(t, h, encrypt(t, nil, to)))
	add("frame without padding", problem.FrameInvalid, carry(t, h, encrypt(t, bytes.TrimRight(frame, "\x00"), to)))
	add("frame padded further", problem.FrameInvalid, carry(t, h, encrypt(t, append(bytes.Clone(frame), make([]byte, 12<<10)...), to)))
	add("padding not zero", problem.FrameInvalid, carry(t, h, encrypt(t, flip(frame, len(frame)-1), to)))
	add("frame of another version", problem.FrameInvalid, carry(t, h, encrypt(t, bytes.Replace(frame, []byte("/v1\n"), []byte("/v2\n"), 1), to)))

	// Is it the frame of this header?
	for name, alter := range map[string]func(*envelope.Header){
		"recipient swapped": func(h *envelope.Header) { h.To = "no.spoc" },
		"sender swapped":    func(h *envelope.Header) { h.From = "dk.spoc" },
		"id changed":        func(h *envelope.Header) { h.ID[0] ^= 1 },
		"other exchange":    func(h *envelope.Header) { h.Exchange[0] ^= 1 },
		"expiry moved":      func(h *envelope.Header) { h.Expires = h.Expires.Add(1e9) },
		"type swapped":      func(h *envelope.Header) { h.Type.Name = "SPONTANEOUS" },
		"on behalf added":   func(h *envelope.Header) { h.OnBehalfOf = "no.police" },
		"agreement swapped": func(h *envelope.Header) { h.Agreement[0] ^= 1 },
		"heads swapped":     func(h *envelope.Header) { h.AsOfAudit, h.AsOfRegister = h.AsOfRegister, h.AsOfAudit },
		"classified":        func(h *envelope.Header) { h.Classification = envelope.BPL },
		"body recommitted":  func(h *envelope.Header) { h.Body[0] ^= 1 },
	} {
		altered := h
		alter(&altered)
		add("header: "+name, problem.FrameMismatch, carry(t, altered, sealed))
	}

	// Is it what the header commits to?
	for name, alter := range map[string]func(*envelope.Header){
		"body":               func(h *envelope.Header) { h.Body[0] ^= 1 },
		"statistics":         func(h *envelope.Header) { h.Statistics[31] ^= 1 },
		"one for the other":  func(h *envelope.Header) { h.Body, h.Statistics = h.Statistics, h.Body },
		"without salt":       func(h *envelope.Header) { h.Body = signed.HashOf(c.Body) },
		"with the other tag": func(h *envelope.Header) { h.Body = commit(tagStatistics, c.bodySalt, c.Body) },
	} {
		altered := h
		alter(&altered)
		add("commitment: "+name, problem.CommitmentMismatch, carry(t, altered, encrypt(t, frameOf(t, altered, c), to)))
	}

	// A broker that changes bytes without signing anew meets the hash first.
	swapped := carry(t, h, sealed)
	swapped.Sealed = encrypt(t, frame, to)
	add("sealed again by another", problem.SealedMismatch, swapped)
	return cases
}

func TestTampered(t *testing.T) {
	identity, _ := openingKey(t, "fi.spoc")
	for name, c := range tampered(t) {
		t.Run(name, func(t *testing.T) {
			got, key, err := Open(c.envelope, identity)
			wantCode(t, err, c.code)
			if c.code != "" && (got != nil || key != (FileKey{})) {
				t.Error("a refused message gave content or a file key")
			}
		})
	}
}

// The same faults meet whoever reads with the file key alone, apart from those
// that only unwrapping can see.
func TestTamperedWithTheFileKey(t *testing.T) {
	e, key := sealedMessage(t, content())
	_, wrong := sealedMessage(t, content())
	for name, c := range map[string]struct {
		sealed []byte
		key    FileKey
		code   problem.Code
	}{
		"right":             {e.Sealed, key, ""},
		"another's key":     {e.Sealed, wrong, problem.SealUnreadable},
		"destroyed key":     {e.Sealed, FileKey{}, problem.SealUnreadable},
		"MAC flipped":       {flip(e.Sealed, bytes.Index(e.Sealed, []byte("\n--- "))+10), key, problem.SealUnreadable},
		"payload flipped":   {flip(e.Sealed, len(e.Sealed)-100), key, problem.SealUnreadable},
		"payload truncated": {e.Sealed[:len(e.Sealed)-1], key, problem.SealUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenWith(carry(t, e.Header, c.sealed), c.key)
			wantCode(t, err, c.code)
		})
	}
	_, recipient := openingKey(t, "fi.spoc")
	_, other := openingKey(t, "no.liaison-ankara")
	two := encrypt(t, []byte("x"), hybrid(t, recipient), hybrid(t, other))
	_, err := OpenWith(carry(t, e.Header, two), key)
	wantCode(t, err, problem.SealInvalid)
}

// A desk without the named key lacks something; the message is not bad, so this
// is no refusal.
func TestNoKey(t *testing.T) {
	other, _ := openingKey(t, "no.liaison-ankara")
	e, _ := sealedMessage(t, content())
	for _, ring := range [][]string{nil, {other}, {other, other}} {
		_, key, err := Open(e, ring...)
		if !errors.Is(err, errNoKey) || key != (FileKey{}) {
			t.Errorf("Open = %v", err)
		}
		if _, refusal := problem.Of(err); refusal {
			t.Error("a missing key is shown as a refusal")
		}
	}
}

func TestOpenNamesNoIdentityInErrors(t *testing.T) {
	identity, _ := openingKey(t, "fi.spoc")
	e, _ := sealedMessage(t, content())
	damaged := identity[:len(identity)-1]
	_, _, err := Open(e, damaged)
	if err == nil || strings.Contains(err.Error(), identity[20:30]) {
		t.Errorf("Open = %v", err)
	}
}

func TestNewOpeningKey(t *testing.T) {
	identity, recipient, err := NewOpeningKey()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(identity, "AGE-SECRET-KEY-PQ-1") || !strings.HasPrefix(recipient, "age1pq1") {
		t.Errorf("a key for %.10s…", recipient)
	}
	h := header(t)
	c := content()
	sealed, _, err := Seal(&h, c, recipient)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := Open(carry(t, h, sealed), identity)
	if err != nil || !equal(got, c) {
		t.Errorf("opened %+v, %v", got, err)
	}
}

// No verb and no encoder prints a file key.
func TestFileKeysNeverPrint(t *testing.T) {
	key := FileKey([]byte("sixteen bytes ok"))
	type row struct {
		Key  FileKey
		Keys []FileKey
		At   *FileKey
	}
	r := row{key, []FileKey{key}, &key}
	for _, v := range []any{key, &key, r, &r, []FileKey{key}, map[FileKey]int{key: 1}, fmt.Errorf("open with %v", key)} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("open", "key", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("open", "key", v)
		b, _ := json.Marshal(v)
		out.Write(b)
		for _, secret := range []string{"sixteen", "115 105 120", "115,105,120", "736978", "73 69 78", "0x73, 0x69", "163 151 170", "1110011 1101001", "s i x t", "U+0073", "c2l4dGVl"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s prints a file key: %s", reflect.TypeOf(v), out.String())
			}
		}
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// greased adds a stanza that nobody can read, as age allows.
type greased struct{ *age.HybridRecipient }

func (g greased) WrapWithLabels(key []byte) ([]*age.Stanza, []string, error) {
	s, labels, err := g.HybridRecipient.WrapWithLabels(key)
	return append(s, &age.Stanza{Type: "abc-grease", Args: []string{"x"}, Body: []byte("y")}), labels, err
}

// grease is such a stanza alone.
type grease struct{}

func (grease) Wrap([]byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{Type: "abc-grease", Body: []byte("y")}}, nil
}

// unlabelled hides the label by which age keeps post-quantum recipients apart.
type unlabelled struct{ to *age.HybridRecipient }

func (u unlabelled) Wrap(key []byte) ([]*age.Stanza, error) { return u.to.Wrap(key) }
