package records

import "hash/crc32"

// The checksum of a frame tells where a single wrong bit is. A crash does not leave one bit wrong,
// and whoever reads a frame that was put right compares it with its authentication.

// putRight returns a frame at the front of b with its one wrong bit put right; nil where it has
// none, or more.
func putRight(b []byte) []byte {
	if len(b) < headerSize {
		return nil
	}
	if h, fault := parseHeader(b); fault == "" && headerSize+int(h.length) <= len(b) {
		frame := append([]byte(nil), b[:headerSize+int(h.length)]...)
		if at := wrongBit(frame[headerSize:], h.sum); at >= 0 {
			frame[headerSize+at/8] ^= 1 << (at % 8)
			return frame
		}
	}
	head := append([]byte(nil), b[:headerSize]...)
	for at := range headerSize * 8 {
		head[at/8] ^= 1 << (at % 8)
		h, fault := parseHeader(head)
		if end := headerSize + int(h.length); fault == "" && end <= len(b) && crc32.Checksum(b[headerSize:end], castagnoli) == h.sum {
			return append(head, b[headerSize:end]...)
		}
		head[at/8] ^= 1 << (at % 8)
	}
	return nil
}

// wrongBit is the one bit by which a payload differs from what has a checksum; -1 for none. What a
// bit adds to the checksum depends on how many bytes follow it alone.
func wrongBit(payload []byte, sum uint32) int {
	adds := [8]uint32{}
	for k := range adds {
		adds[k] = castagnoli[1<<k]
	}
	differs := crc32.Checksum(payload, castagnoli) ^ sum
	if differs == 0 {
		return -1
	}
	for i := len(payload) - 1; i >= 0; i-- {
		for k, add := range adds {
			if add == differs {
				return i*8 + k
			}
			adds[k] = add>>8 ^ castagnoli[byte(add)]
		}
	}
	return -1
}
