package envelope_test

import (
	"reflect"
	"strings"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func TestHeaderRoundTrip(t *testing.T) {
	plain := header(t)
	full := fullHeader(t)
	behalf, reply, parts := plain, plain, plain
	behalf.OnBehalfOf, reply.InReplyTo, parts.Parts = full.OnBehalfOf, full.InReplyTo, full.Parts
	for name, h := range map[string]envelope.Header{
		"plain": plain, "full": full, "on behalf": behalf, "reply": reply, "parts": parts,
	} {
		got, err := envelope.ParseHeader(h.Text())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(*got, h) {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}

// A header in print: its lines stand as SPEC §4.2 has them.
func TestHeaderLines(t *testing.T) {
	h := fullHeader(t)
	var names []string
	for line := range strings.Lines(h.Text()) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		names = append(names, name)
	}
	want := "samband/message/v1 exchange id type from to on-behalf-of conversation in-reply-to created expires " +
		"agreement urgency classification as-of as-of commitment commitment parts sealed"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("lines\n%s, want\n%s", got, want)
	}
	if bound := h.Bound(); !strings.HasPrefix(h.Text(), bound) || strings.Contains(bound, "\nsealed ") ||
		!strings.HasPrefix(h.Text()[len(bound):], "sealed ") {
		t.Errorf("the bound part is\n%s", bound)
	}
}

// malformedHeaders are all the ways in which a header is not one, made from a
// whole header by one change each.
func malformedHeaders(t testing.TB) map[string]string {
	h := fullHeader(t)
	text := h.Text()
	lines := strings.SplitAfter(text, "\n")
	lines = lines[:len(lines)-1]
	bad := map[string]string{}

	without := func(i int) string {
		return strings.Join(lines[:i], "") + strings.Join(lines[i+1:], "")
	}
	optional := map[string]bool{"on-behalf-of": true, "in-reply-to": true, "parts": true}
	for i, line := range lines {
		name, values, _ := strings.Cut(line, " ")
		what := name + " " + strings.Fields(values + " .")[0]
		if !optional[name] {
			bad["without "+what] = without(i)
		}
		bad["twice "+what] = strings.Join(lines[:i+1], "") + line + strings.Join(lines[i+1:], "")
		if i+1 < len(lines) && !bothHeads(line, lines[i+1]) {
			bad["swapped with the next "+what] = strings.Join(lines[:i], "") + lines[i+1] + line + strings.Join(lines[i+2:], "")
		}
		bad["unknown line before "+what] = strings.Join(lines[:i], "") + "priority 1\n" + strings.Join(lines[i:], "")
		bad["empty line before "+what] = strings.Join(lines[:i], "") + "\n" + strings.Join(lines[i:], "")
		if i > 0 {
			bad["one value more "+what] = strings.Join(lines[:i], "") + strings.TrimSuffix(line, "\n") + " x\n" + strings.Join(lines[i+1:], "")
			bad["last value empty "+what] = strings.Join(lines[:i], "") + line[:strings.LastIndex(line, " ")+1] + "\n" + strings.Join(lines[i+1:], "")
		}
	}
	change := func(name, old, new string) {
		t.Helper()
		if strings.Count(text, old) != 1 {
			t.Fatalf("%s: %q does not stand once in the header", name, old)
		}
		bad[name] = strings.Replace(text, old, new, 1)
	}
	change("other form", "samband/message/v1", "samband/message/v2")
	change("statement's form", "samband/message/v1", "samband/statement/v1")
	change("no exchange", "exchange "+h.Exchange.String(), "exchange -")
	change("byte outside ASCII", "se.spoc", "sé.spoc")
	change("control byte", "se.spoc", "se\x1b[31m.spoc")
	change("byte DEL", "INFO_REQUEST", "INFO\x7fREQUEST")
	change("address in capitals", "se.spoc", "SE.spoc")
	change("address without desk", "from se.spoc", "from se")
	change("two recipients", "to fi.spoc", "to fi.spoc,no.spoc")
	change("recipient without key", "fi.spoc "+h.ToKey.String(), "fi.spoc")
	change("key's name too short", h.ToKey.String(), "AAAA")
	change("key's name padded otherwise", h.ToKey.String(), h.ToKey.String()[:10]+"B=")
	change("no reply, spelled out", h.InReplyTo.String(), signed.Hash{}.String())
	change("id of zeros too long", h.ID.String(), signed.Hash{}.String())
	change("time with fraction", "03:12:00Z\nexpires", "03:12:00.000Z\nexpires")
	change("time with zone", "03:12:00Z\nexpires", "03:12:00+00:00\nexpires")
	change("day that is none", "2026-11-30", "2026-11-31")
	change("urgency unknown", "urgency non-urgent", "urgency flash")
	change("urgency in capitals", "urgency non-urgent", "urgency Non-Urgent")
	change("classification unknown", "classification bpl", "classification restricted")
	change("size with leading zero", " 123456 ", " 0123456 ")
	change("size negative", " 123456 ", " -123456 ")
	change("size beyond 2^53", " 123456 ", " 9007199254740992 ")
	change("commitments swapped", "commitment body", "commitment statistics")
	change("commitment of a third kind", "commitment statistics", "commitment photograph")
	change("parts with a sign", "parts 3 ", "parts +3 ")
	change("double space", "commitment body ", "commitment body  ")
	change("tab", "commitment body ", "commitment\tbody ")
	bad["CRLF"] = strings.ReplaceAll(text, "\n", "\r\n")
	bad["no newline at the end"] = strings.TrimSuffix(text, "\n")
	bad["byte order mark"] = "\ufeff" + text
	bad["header twice"] = text + text
	bad["empty"] = ""
	return bad
}

// bothHeads: two as-of lines swapped are another header of the same form. Which
// log has which name is in the federation file, so the register tells them apart.
func bothHeads(a, b string) bool {
	return strings.HasPrefix(a, "as-of ") && strings.HasPrefix(b, "as-of ")
}

func TestMalformedHeaders(t *testing.T) {
	h := fullHeader(t)
	for name, text := range malformedHeaders(t) {
		t.Run(name, func(t *testing.T) {
			if text == h.Text() {
				t.Fatal("this is the header as it was")
			}
			_, err := envelope.ParseHeader(text)
			wantCode(t, err, problem.TextMalformed)
		})
	}
}

func TestHeaderTooLong(t *testing.T) {
	h := header(t)
	_, err := envelope.ParseHeader(h.Text() + strings.Repeat("a\n", 8<<10/2))
	wantCode(t, err, problem.Oversize)
}

// The longest values that the form has room for stay within the bound, so a
// header that its values permit is never refused for its size.
func TestLongestHeaderFits(t *testing.T) {
	h := fullHeader(t)
	name := strings.Repeat("n", 32)
	address := signed.Address(name + "." + name)
	word := strings.Repeat("W", 64)
	origin := strings.Repeat("o", 128)
	h.From, h.To, h.OnBehalfOf = address, address, address
	h.Type.Name, h.Type.Version = word, word
	h.AsOfAudit.Origin, h.AsOfRegister.Origin = origin, origin
	h.AsOfAudit.Size, h.AsOfRegister.Size = 1<<53-1, 1<<53-1
	h.Parts.Count, h.Parts.Bytes, h.Sealed.Length = 1<<53-1, 1<<53-1, 1<<53-1
	if _, err := envelope.ParseHeader(h.Text()); err != nil {
		t.Error(err)
	}
	if n := len(h.Text()); n > 8<<10/2 {
		t.Errorf("the longest header has %d bytes, of %d", n, 8<<10)
	}
}

func TestClassificationsAscend(t *testing.T) {
	for _, c := range []struct {
		is, ceiling envelope.Classification
		above       bool
	}{
		{envelope.Unclassified, envelope.Unclassified, false},
		{envelope.Unclassified, envelope.BPL, false},
		{envelope.BPL, envelope.BPL, false},
		{envelope.BPL, envelope.Unclassified, true},
	} {
		if got := c.is.Above(c.ceiling); got != c.above {
			t.Errorf("%s above %s: %v", c.is, c.ceiling, got)
		}
	}
	for _, s := range []string{"", "BPL", "restricted", "secret"} {
		if _, err := envelope.ParseClassification(s); err == nil {
			t.Errorf("%q is a classification", s)
		}
	}
	for _, c := range []envelope.Classification{envelope.Unclassified, envelope.BPL} {
		if got, err := envelope.ParseClassification(string(c)); err != nil || got != c {
			t.Errorf("%s is read as %q, %v", c, got, err)
		}
	}
}

func TestKeyIDIsTheHashsBeginning(t *testing.T) {
	h := signed.HashOf("age1pq1example")
	if got := envelope.KeyIDOf("age1pq1example"); got != envelope.KeyID(h[:8]) {
		t.Errorf("KeyIDOf = %s", got)
	}
}
