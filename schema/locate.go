package schema

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// locate returns where each value of a strict JSON text begins, by its JSON pointer.
// It is asked only once a body has a fault.
func locate(data []byte) map[string]int {
	l := &locator{d: json.NewDecoder(bytes.NewReader(data)), data: data, at: map[string]int{}}
	l.d.UseNumber()
	l.value("")
	return l.at
}

type locator struct {
	d    *json.Decoder
	data []byte
	at   map[string]int
}

func (l *locator) value(pointer string) {
	begin := int(l.d.InputOffset())
	for begin < len(l.data) && bytes.IndexByte([]byte(" \t\r\n,:"), l.data[begin]) >= 0 {
		begin++
	}
	l.at[pointer] = begin
	tok, err := l.d.Token()
	if err != nil {
		return
	}
	switch tok {
	case json.Delim('{'):
		for l.d.More() {
			name, err := l.d.Token()
			if err != nil {
				return
			}
			l.value(pointer + "/" + name.(string))
		}
		_, _ = l.d.Token()
	case json.Delim('['):
		for n := 0; l.d.More(); n++ {
			l.value(pointer + "/" + strconv.Itoa(n))
		}
		_, _ = l.d.Token()
	}
}
