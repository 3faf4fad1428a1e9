package seal

import "strings"

// bech32 writes data as BIP 173 does, without its bound on the length: the form
// of age's keys. Only tests make an identity from a seed; desks draw theirs.
func bech32(prefix string, data []byte) string {
	const digits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	var values []byte
	acc, bits := uint32(0), 0
	for _, b := range data {
		acc, bits = acc<<8|uint32(b), bits+8
		for ; bits >= 5; bits -= 5 {
			values = append(values, byte(acc>>(bits-5))&31)
		}
	}
	if bits > 0 {
		values = append(values, byte(acc<<(5-bits))&31)
	}
	var check []byte
	for _, c := range []byte(prefix) {
		check = append(check, c>>5)
	}
	check = append(check, 0)
	for _, c := range []byte(prefix) {
		check = append(check, c&31)
	}
	sum := bech32Sum(append(append(check, values...), make([]byte, 6)...)) ^ 1
	for i := range 6 {
		values = append(values, byte(sum>>(5*(5-i)))&31)
	}
	var s strings.Builder
	s.WriteString(prefix + "1")
	for _, v := range values {
		s.WriteByte(digits[v])
	}
	return s.String()
}

func bech32Sum(values []byte) uint32 {
	generator := []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3}
	sum := uint32(1)
	for _, v := range values {
		top := sum >> 25
		sum = (sum&0x1ffffff)<<5 ^ uint32(v)
		for i, g := range generator {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	return sum
}
