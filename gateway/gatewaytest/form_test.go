package gatewaytest

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// The form of an envelope. Where it can be, the malformed text is signed as it
// stands, so that nothing is wrong with it but its form.
var formRefusals = []refusal{
	{problem.TextMalformed, "lines in another order", respelled(func(t string) string {
		return reordered(t, "urgency", "classification")
	})},
	{problem.TextMalformed, "an unknown line", respelled(before("urgency", "priority high\n"))},
	{problem.TextMalformed, "a line repeated", respelled(before("from", "from se.spoc\n"))},
	{problem.TextMalformed, "an optional line repeated", respelled(before("conversation", "on-behalf-of no.police\non-behalf-of no.police\n"))},
	{problem.TextMalformed, "a line missing", respelled(func(t string) string { return without(t, "urgency") })},
	{problem.TextMalformed, "a line after the last", respelled(func(t string) string { return t + "note more\n" })},
	{problem.SignatureMissing, "an empty line in between", altered(func(_ *scene, e *envelope.Envelope) {
		e.Note.Text = strings.Replace(e.Note.Text, "urgency", "\nurgency", 1)
	})},
	{problem.TextMalformed, "no form", respelled(func(t string) string { return without(t, "samband/message/v1") })},
	{problem.TextMalformed, "the form of a version to come", respelled(replaced("samband/message/v1", "samband/message/v2"))},
	{problem.TextMalformed, "another form of ours", respelled(replaced("samband/message/v1", "samband/statement/v1"))},
	{problem.TextMalformed, "a word that is none", respelled(replaced("urgency non-urgent", "urgency immediately"))},
	{problem.TextMalformed, "a classification to come", respelled(replaced("classification unclassified", "classification secret"))},
	{problem.TextMalformed, "two spaces", respelled(replaced("urgency non", "urgency  non"))},
	{problem.TextMalformed, "a space at the end", respelled(replaced("non-urgent\n", "non-urgent \n"))},
	{problem.TextMalformed, "carriage returns", respelled(replaced("non-urgent\n", "non-urgent\r\n"))},
	{problem.TextMalformed, "a tab", respelled(replaced("urgency non", "urgency\tnon"))},
	{problem.TextMalformed, "a NUL", respelled(replaced("urgency non", "urgency \x00non"))},
	{problem.TextMalformed, "a DEL", respelled(replaced("urgency non", "urgency \x7fnon"))},
	{problem.TextMalformed, "Latin-1", respelled(replaced("urgency non", "urgency \xe5non"))},
	{problem.TextMalformed, "UTF-8", respelled(replaced("to fi.spoc", "to fi.spöc"))},
	{problem.TextMalformed, "a letter that only looks like one", respelled(replaced("to fi.spoc", "to fi.sp\u043ec"))},
	{problem.TextMalformed, "an address in capitals", respelled(replaced("to fi.spoc", "to FI.spoc"))},
	{problem.TextMalformed, "a time with an offset", respelled(func(t string) string {
		return regexp.MustCompile(`(created \S+)Z`).ReplaceAllString(t, "$1+00:00")
	})},
	{problem.TextMalformed, "a number with a zero before it", respelled(replaced("sealed 200", "sealed 0200"))},
	{problem.TextMalformed, "a number beyond all", respelled(replaced("sealed 200", "sealed 99999999999999999999"))},
	{problem.TextMalformed, "a hash without padding", respelled(func(t string) string { return strings.Replace(t, "=\nid", "\nid", 1) })},
	{problem.TextMalformed, "a hash spelled otherwise", respelled(func(t string) string {
		return regexp.MustCompile(`(?m)^(exchange .{42}).=`).ReplaceAllStringFunc(t, loosened)
	})},
	{problem.TextMalformed, "not a text", func(s *scene) sent { return sent{by: s.sender(), raw: []byte("%PDF-1.7")} }},
	{problem.TextMalformed, "nothing", func(s *scene) sent { return sent{by: s.sender()} }},
	{problem.Oversize, "a long line", respelled(before("urgency", "x "+strings.Repeat("x", 16<<10)+"\n"))},
	{problem.Oversize, "a long header", respelled(before("urgency", strings.Repeat("x y\n", 2<<10)))},
	{problem.Oversize, "a text without end", func(s *scene) sent {
		return sent{by: s.sender(), raw: bytes.Repeat([]byte("samband/message/v1\n"), 4<<10)}
	}},
	{problem.Oversize, "a long signature line", rewritten(func(b string) string {
		return strings.Replace(b, "\n\n— ", "\n\n— "+strings.Repeat("x", 8<<10)+"\n— ", 1)
	})},
	{problem.SignatureMissing, "no signature line", resigned(func(*scene, *caller) []*signed.PrivateKey { return nil })},
	{problem.SignatureExtra, "19 signature lines", resigned(func(_ *scene, c *caller) (keys []*signed.PrivateKey) {
		for range 19 {
			keys = append(keys, c.Message[0])
		}
		return keys
	})},
	{problem.TextMalformed, "a signature without padding", rewritten(replaced("=\n— ", "\n— "))},
	{problem.TextMalformed, "a signature with padding more", rewritten(replaced("=\n— ", "==\n— "))},
	{problem.TextMalformed, "a signature spelled otherwise", rewritten(func(b string) string {
		return regexp.MustCompile(`(?m)^— \S+ \S+=$`).ReplaceAllStringFunc(b, loosened)
	})},
	{problem.SignatureMissing, "a hyphen for the dash", rewritten(func(b string) string { return strings.ReplaceAll(b, "\n— ", "\n- ") })},
	{problem.SealedMismatch, "trailing data", rewritten(func(b string) string { return b + "\x00" })},
	{problem.SealedMismatch, "cut short", rewritten(func(b string) string { return b[:len(b)-1] })},
	{problem.SealedMismatch, "nothing sealed", rewritten(func(b string) string { return b[:len(b)-200] })},
	{problem.SealedMismatch, "a bit flipped", rewritten(func(b string) string { return b[:len(b)-1] + string([]byte{b[len(b)-1] ^ 1}) })},
	{problem.SealedMismatch, "the sealed part of another message", altered(func(s *scene, e *envelope.Envelope) {
		e.Sealed = s.callers[e.From].message("fi.spoc").Sealed
	})},
}

// respelled is a row of a header that is changed and then signed by its sender.
func respelled(change func(string) string) func(*scene) sent {
	return func(s *scene) sent {
		by := s.sender()
		e := by.message("fi.spoc")
		return sent{by: by, raw: append(by.signs(s.changed(e.Note.Text, change), by.Message...), e.Sealed...)}
	}
}

// rewritten is a row of a good envelope whose bytes are changed on their way.
func rewritten(change func(string) string) func(*scene) sent {
	return func(s *scene) sent {
		by := s.sender()
		return sent{by: by, raw: []byte(s.changed(string(by.message("fi.spoc").Bytes()), change))}
	}
}

func (s *scene) changed(text string, change func(string) string) string {
	s.Helper()
	out := change(text)
	if out == text {
		s.Fatal("the row changes nothing")
	}
	return out
}

func replaced(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

// before puts lines above one.
func before(name, lines string) func(string) string {
	return replaced("\n"+name+" ", "\n"+lines+name+" ")
}

func without(text, name string) string {
	return regexp.MustCompile(`(?m)^`+name+`.*\n`).ReplaceAllString(text, "")
}

// reordered exchanges two lines that stand one after the other.
func reordered(text, first, second string) string {
	return regexp.MustCompile(`(?m)^(`+first+` .*\n)(`+second+` .*\n)`).ReplaceAllString(text, "$2$1")
}

// loosened spells the base64 at a line's end otherwise: the bits that mean
// nothing are set.
func loosened(line string) string {
	digits := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.IndexByte(line[len(line)-3:], '=') + len(line) - 4
	changed := line[:i] + string(digits[strings.IndexByte(digits, line[i])|1]) + line[i+1:]
	if _, err := base64.StdEncoding.DecodeString(changed[strings.LastIndexByte(changed, ' ')+1:]); err != nil {
		panic("gatewaytest: a lax reader must take it: " + err.Error())
	}
	return changed
}
