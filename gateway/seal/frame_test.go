package seal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// The fixed part of a frame: magic, header's hash, two salts, two lengths, count.
const frameOverhead = 17 + 32 + 32 + 4 + 32 + 4 + 1

func TestPaddedSize(t *testing.T) {
	sizes := map[int]bool{}
	last := 0
	for n := range 1 << 20 {
		p := paddedSize(n)
		switch {
		case p < n:
			t.Fatalf("%d bytes are padded to %d", n, p)
		case p < last:
			t.Fatalf("%d bytes are padded to %d, fewer bytes to %d", n, p, last)
		case p != last && paddedSize(p) != p:
			t.Fatalf("%d is the size of %d bytes, but its own is %d", p, n, paddedSize(p))
		case n > 256<<10 && (p-n)*100 > 12*n:
			t.Fatalf("%d bytes are padded to %d, more than 12 %%", n, p)
		}
		last = p
		sizes[p] = true
	}
	for _, step := range []int{4 << 10, 16 << 10, 64 << 10, 256 << 10} {
		if paddedSize(step) != step || !sizes[step] {
			t.Errorf("%d is no step", step)
		}
	}
	if paddedSize(0) != 4<<10 || paddedSize(4<<10+1) != 16<<10 || paddedSize(256<<10+1) != 264<<10 {
		t.Error("a size is not what the steps and Padmé give")
	}
	// 4 steps, then 32 sizes for each doubling: what an observer can tell apart.
	if len(sizes) != 4+2*32 {
		t.Errorf("%d sizes below 1 MiB", len(sizes))
	}
}

// The largest frame fits an envelope with the longest header, and not a byte more
// is sealed, so a message never fails after it was sealed.
func TestLargestFrameFitsAnEnvelope(t *testing.T) {
	if paddedSize(MaxContent) != MaxContent {
		t.Fatalf("the bound %d is no padded size", MaxContent)
	}
	identity, recipient := openingKey(t, "fi.spoc")
	name := strings.Repeat("n", 32)
	h := header(t)
	h.From = signed.Address(name + "." + name)
	h.To, h.OnBehalfOf, h.InReplyTo = h.From, h.From, signed.HashOf("x")
	h.Type.Name, h.Type.Version = strings.Repeat("W", 64), strings.Repeat("W", 64)
	h.AsOfAudit.Origin, h.AsOfRegister.Origin = strings.Repeat("o", 128), strings.Repeat("o", 128)
	h.Parts = &envelope.PartsRef{Count: 1<<53 - 1, Bytes: 1<<53 - 1}

	c := &Content{Body: make([]byte, MaxContent-frameOverhead)}
	sealed, _, err := Seal(&h, c, recipient)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(carry(t, h, sealed), identity); err != nil {
		t.Error(err)
	}
	c.Body = append(c.Body, 0)
	_, _, err = Seal(&h, c, recipient)
	wantCode(t, err, problem.Oversize)
}

func TestAttachments(t *testing.T) {
	many := func(n int) (as []Attachment) {
		for i := range n {
			as = append(as, Attachment{fmt.Sprintf("kuva %d.jpg", i), "image/jpeg", []byte{byte(i)}})
		}
		return as
	}
	named := func(name string) []Attachment { return []Attachment{{name, "text/plain", nil}} }
	for name, c := range map[string]struct {
		attachments []Attachment
		code        problem.Code
	}{
		"none":                 {nil, ""},
		"as many as may be":    {many(maxAttachments), ""},
		"one too many":         {many(maxAttachments + 1), problem.Oversize},
		"more than a byte":     {many(257), problem.Oversize},
		"longest name":         {named(strings.Repeat("a", 255)), ""},
		"name too long":        {named(strings.Repeat("a", 256)), problem.FrameInvalid},
		"name too long in é":   {named(strings.Repeat("é", 128)), problem.FrameInvalid},
		"no name":              {named(""), problem.FrameInvalid},
		"Greek":                {named("Φωτογραφία 1.jpg"), ""},
		"Persian with joiner":  {named("می\u200cخواهم.pdf"), ""},
		"Japanese, wide space": {named("写真\u3000一.png"), ""},
		"emoji with joiner":    {named("👮\u200d♀️.png"), ""},
		"line feed":            {named("a\nb"), problem.FrameInvalid},
		"NUL":                  {named("a\x00b"), problem.FrameInvalid},
		"escape":               {named("\x1b[2J"), problem.FrameInvalid},
		"C1 escape":            {named("\u009b2J"), problem.FrameInvalid},
		"not UTF-8":            {named("a\xff"), problem.FrameInvalid},
		"no type":              {[]Attachment{{"a", "", nil}}, problem.FrameInvalid},
		"type with a line":     {[]Attachment{{"a", "text/plain\r\nx: y", nil}}, problem.FrameInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			content := &Content{Attachments: c.attachments}
			b, err := content.frame(signed.Hash{})
			wantCode(t, err, c.code)
			if err != nil {
				return
			}
			if got, err := parseFrame(b, signed.Hash{}); err != nil || !equal(got, content) {
				t.Errorf("read as %+v, %v", got, err)
			}
		})
	}
}

// raw writes a frame's parts as they are, and pads.
func raw(parts ...any) []byte {
	b := []byte(frameMagic)
	b = append(b, make([]byte, 32)...)
	for _, p := range parts {
		switch p := p.(type) {
		case uint32:
			b = binary.BigEndian.AppendUint32(b, p)
		case byte:
			b = append(b, p)
		case string:
			b = append(b, p...)
		}
	}
	return append(b, make([]byte, paddedSize(len(b))-len(b))...)
}

func TestMalformedFrames(t *testing.T) {
	salt := strings.Repeat("s", 32)
	empty := []any{salt, uint32(0), salt, uint32(0)}
	with := func(parts ...any) []byte { return raw(append(append([]any{}, empty...), parts...)...) }
	for name, c := range map[string]struct {
		frame []byte
		code  problem.Code
	}{
		"smallest":                    {with(byte(0)), ""},
		"one attachment":              {with(byte(1), uint32(1), "a", uint32(1), "b", uint32(0)), ""},
		"no bytes":                    {nil, problem.FrameInvalid},
		"magic alone":                 {[]byte(frameMagic), problem.FrameInvalid},
		"magic without its end":       {[]byte(frameMagic[:16]), problem.FrameInvalid},
		"cut in the header's hash":    {[]byte(frameMagic + "hash"), problem.FrameInvalid},
		"cut in a salt":               {[]byte(frameMagic + salt + "salt"), problem.FrameInvalid},
		"zeros":                       {make([]byte, 4096), problem.FrameInvalid},
		"body of 4 GiB":               {raw(salt, uint32(1<<32-1)), problem.FrameInvalid},
		"body of 2 GiB":               {raw(salt, uint32(1<<31)), problem.FrameInvalid},
		"body a byte longer":          {raw(salt, uint32(4096-17-32-32-4+1)), problem.FrameInvalid},
		"body up to the end":          {raw(salt, uint32(4096-17-32-32-4)), problem.FrameInvalid},
		"statistics of 4 GiB":         {raw(salt, uint32(0), salt, uint32(1<<32-1)), problem.FrameInvalid},
		"33 attachments":              {with(append([]any{byte(33)}, manyRaw(33)...)...), problem.FrameInvalid},
		"255 attachments":             {with(append([]any{byte(255)}, manyRaw(255)...)...), problem.FrameInvalid},
		"attachments that are not":    {with(byte(2), uint32(1), "a", uint32(1), "b", uint32(0)), problem.FrameInvalid},
		"attachment of 4 GiB":         {with(byte(1), uint32(1), "a", uint32(1), "b", uint32(1<<32-1)), problem.FrameInvalid},
		"attachment's name of 4 GiB":  {with(byte(1), uint32(1<<32-1)), problem.FrameInvalid},
		"attachment without name":     {with(byte(1), uint32(0), uint32(1), "b", uint32(0)), problem.FrameInvalid},
		"attachment's name a control": {with(byte(1), uint32(1), "\n", uint32(1), "b", uint32(0)), problem.FrameInvalid},
		"bytes after the last":        {with(byte(0), "x"), problem.FrameInvalid},
		"padding not zero":            {append(with(byte(0))[:4095], 1), problem.FrameInvalid},
		"padding too short":           {with(byte(0))[:4095], problem.FrameInvalid},
		"no padding":                  {with(byte(0))[:frameOverhead], problem.FrameInvalid},
		"padded to the next step":     {append(with(byte(0)), make([]byte, 12<<10)...), problem.FrameInvalid},
		"too large":                   {raw(salt, uint32(1<<20), strings.Repeat("a", 1<<20), salt, uint32(0), byte(0)), problem.FrameInvalid},
		"upper-case magic":            {bytes.Replace(with(byte(0)), []byte("samband"), []byte("Samband"), 1), problem.FrameInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseFrame(c.frame, signed.Hash{})
			wantCode(t, err, c.code)
		})
	}
	_, err := parseFrame(with(byte(0)), signed.HashOf("another header"))
	wantCode(t, err, problem.FrameMismatch)
}

func manyRaw(n int) (parts []any) {
	for range n {
		parts = append(parts, uint32(1), "a", uint32(1), "b", uint32(0))
	}
	return parts
}

// Every prefix of a frame is read without harm and refused.
func TestFrameCutAnywhere(t *testing.T) {
	b, err := content().frame(signed.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if _, err := parseFrame(b[:n], signed.Hash{}); problem.CodeOf(err) != problem.FrameInvalid {
			t.Fatalf("%d bytes of a frame: %v", n, err)
		}
	}
}

// A frame that is read is the frame that its parts write. Inputs are tried as
// they are and padded, since no mutation finds the padding by itself; and with
// the header's hash that they name.
func FuzzParseFrame(f *testing.F) {
	for _, c := range []*Content{{}, content(), {Body: make([]byte, 5000)}} {
		b, err := c.frame(signed.HashOf("header"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(bytes.TrimRight(b, "\x00"))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, append(bytes.Clone(b), make([]byte, paddedSize(len(b))-len(b))...)} {
			var bound signed.Hash
			if len(b) >= 49 {
				bound = signed.Hash(b[17:49])
			}
			c, err := parseFrame(b, bound)
			if err != nil {
				if p, ok := problem.Of(err); !ok || p.Code != problem.FrameInvalid {
					t.Fatalf("refused with %v", err)
				}
				continue
			}
			again, err := c.frame(bound)
			if err != nil {
				t.Fatalf("read, but not written again: %v", err)
			}
			if !bytes.Equal(again, b) {
				t.Fatalf("%q is written again as %q", b, again)
			}
		}
	})
}
