package register

import (
	"slices"
	"strings"

	"samband/gateway/signed"
)

// bendRequest bends a request's text, which is signed anew or not, or its signatures.
func (d *draw) bendRequest(request []byte, r keyring) []byte {
	text, sigs, _ := strings.Cut(string(request), "\n\n")
	text += "\n"
	lines := strings.SplitAfter(sigs, "\n")
	lines = lines[:len(lines)-1]
	switch d.IntN(5) {
	case 0:
		return []byte(text + "\n" + strings.Join(d.bendSigs(lines), ""))
	case 1:
		return []byte(setLine(text, "exchange", signed.HashOf("training").String()) + "\n" + sigs)
	case 2: // keys of somebody else sign
		other := ringsOf(d.address(), d.IntN(2))
		return note(d.t, text, slices.Concat(other.message, other.consignment)...)
	}
	text = d.bendLines(text)
	n, err := signed.Sign(text, slices.Concat(r.message, r.consignment)...)
	if err != nil || d.chance(50) {
		return []byte(text + "\n" + sigs)
	}
	return n.Bytes()
}

// bend changes a text in one place.
func (d *draw) bend(text string) string {
	switch d.IntN(6) {
	case 0: // another place in a chain
		previous := signed.HashOf(d.textOf(pick(d, d.notes...))).String()
		switch d.IntN(4) {
		case 0:
			previous = "-"
		case 1:
			p, _ := d.Previous(pick(d, append(drawParties, "no/root")...))
			previous = p.String()
		}
		return setLine(text, "previous", previous)
	case 1: // other signers
		signers := valuesOf(text, "signer")
		other := pick(d, "fi", "no", "se", "dk", "fi/root", "no/root", "se/root")
		switch d.IntN(4) {
		case 0:
			signers = append(signers, other)
		case 1:
			signers = signers[1:]
		case 2:
			signers[d.IntN(len(signers))] = other
		case 3:
			signers = []string{other}
		}
		if d.chance(90) {
			slices.Sort(signers)
		}
		return setSigners(text, signers)
	case 2: // a line of another text
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		i := 1 + d.IntN(len(lines)-1)
		name, _, _ := strings.Cut(lines[i], " ")
		if others := valuesOf(d.textOf(pick(d, d.notes...)), name); len(others) > 0 {
			lines[i] = name + " " + pick(d, others...)
		}
		return strings.Join(lines, "\n") + "\n"
	}
	return d.bendLines(text)
}

func (d *draw) textOf(note string) string {
	text, _, _ := strings.Cut(note, "\n\n")
	return text + "\n"
}

func setSigners(text string, signers []string) string {
	var b strings.Builder
	for line := range strings.SplitAfterSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "previous "):
			b.WriteString(line)
			for _, s := range signers {
				b.WriteString("signer " + s + "\n")
			}
		case !strings.HasPrefix(line, "signer "):
			b.WriteString(line)
		}
	}
	return b.String()
}

// bendLines changes the lines of a text, or one of them.
func (d *draw) bendLines(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	i := d.IntN(len(lines))
	name, value, _ := strings.Cut(lines[i], " ")
	switch d.IntN(16) {
	case 0:
		lines = slices.Delete(lines, i, i+1)
	case 1:
		lines = slices.Insert(lines, i, lines[i])
	case 2:
		j := d.IntN(len(lines))
		lines[i], lines[j] = lines[j], lines[i]
	case 3:
		lines[i] += " "
	case 4:
		lines[i] = name + "  " + value
	case 5:
		lines[i] = name
	case 6:
		lines[i] = name + " -"
	case 7:
		lines[i] = name + " " + strings.ToUpper(value)
	case 8:
		lines[i] = name + " " + modelZero
	case 9:
		lines[i] = name + " 0" + value
	case 10:
		lines[i] += pick(d, "\t", "\x7f", "\r", "x", "=", "\u00e4", " x")
	case 11:
		lines[i] = lines[i][:max(1, len(lines[i])-1)]
	case 12:
		j := d.IntN(len(lines[i]))
		lines[i] = lines[i][:j] + pick(d, "A", "a", "/", ".", "1", "\\", "\"", " ") + lines[i][j+1:]
	case 13:
		lines[i] = name + " " + pick(d, "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "2026-02-29T00:00:00Z", "9999-12-31T23:59:59Z",
			`""`, `"\u0007"`, `"\u0080"`, `"\ud83d"`, `"\ufffd"`, `"\u0041"`, "9007199254740991", "9007199254740992", "bpl", "en", "eng", "engl", "h1:"+modelZero)
	case 14:
		lines = append(lines, pick(d, "until 2026-11-23T03:12:00Z", "nonce AQIDAAAAAAAAAAAAAAAAAA==", "poem x", "suspected-since 2026-11-23T03:12:00Z"))
	case 15:
		lines[i] = name + " " + strings.Repeat(pick(d, "x", "a1"), pick(d, 2, 33, 65, 300, 5000, 17000))
	}
	return strings.Join(lines, "\n") + "\n"
}

// bendSigs changes signature lines.
func (d *draw) bendSigs(lines []string) []string {
	if len(lines) == 0 {
		return lines
	}
	lines = slices.Clone(lines)
	i, j := d.IntN(len(lines)), d.IntN(len(lines))
	switch d.IntN(7) {
	case 0:
		return slices.Delete(lines, i, i+1)
	case 1:
		return slices.Insert(lines, j, lines[i])
	case 2:
		lines[i], lines[j] = lines[j], lines[i]
	case 3:
		at := len(lines[i]) - 10
		lines[i] = lines[i][:at] + pick(d, "A", "B", "=", "*") + lines[i][at+1:]
	case 4:
		lines[i] = lines[j]
	case 5:
		lines[i] = strings.Replace(lines[i], dash, pick(d, "- ", dash+" ", "x"), 1)
	case 6:
		return slices.Repeat(lines[:1], 15+d.IntN(6))
	}
	return lines
}
