package plan

import "encoding/hex"

// appendHex decodes pairs of hexadecimal digits, up to one that is none, or to most bytes.
func appendHex(b, text []byte, most int) []byte {
	for i := 0; i+1 < len(text) && len(b) < most; i += 2 {
		var c [1]byte
		if _, err := hex.Decode(c[:], text[i:i+2]); err != nil {
			break
		}
		b = append(b, c[0])
	}
	return b
}

// unescapeURL takes the percent signs off, as far as they are followed by two digits. b may be the start of text, which is then
// overwritten.
func unescapeURL(b, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if plain := appendHex(b, text[i+1:i+3], len(b)+1); len(plain) > len(b) {
				b = plain
				i += 2
				continue
			}
		}
		b = append(b, text[i])
	}
	return b
}
