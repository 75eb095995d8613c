package plan

import (
	"bytes"
)

// appendHex decodes pairs of hexadecimal digits, up to one that is none, or to most bytes.
func appendHex(b, text []byte, most int) []byte {
	for i := 0; i+1 < len(text) && len(b) < most; i += 2 {
		high, low := nibbles[text[i]], nibbles[text[i+1]]
		if high|low > 15 {
			break
		}
		b = append(b, high<<4|low)
	}
	return b
}

// nibbles are the values of hexadecimal digits, and 255 for what is none.
var nibbles = func() (value [256]byte) {
	for i := range value {
		value[i] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		value[c], value[bytes.ToUpper([]byte{c})[0]] = byte(i), byte(i)
	}
	return value
}()

// unescapeURL takes the percent signs off, as far as they are followed by two digits. b may be the start of text, which is then
// overwritten.
func unescapeURL(b, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' && i+2 < len(text) {
			if high, low := nibbles[text[i+1]], nibbles[text[i+2]]; high|low <= 15 {
				c = high<<4 | low
				i += 2
			}
		}
		b = append(b, c)
	}
	return b
}
