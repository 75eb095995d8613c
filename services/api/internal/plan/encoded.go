package plan

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sextets are the values of the characters of base64, of both alphabets.
var sextets = func() (value [256]int8) {
	for i := range value {
		value[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		value[c] = int8(i)
	}
	value['-'], value['_'] = 62, 63
	return value
}()

// appendBase64 decodes base64 of either alphabet, up to a character that is of none, or to most bytes.
func appendBase64[Text ~[]byte | ~string](b []byte, text Text, most int) []byte {
	bits, have := uint32(0), 0
	for i := 0; i < len(text) && len(b) < most; i++ {
		v := sextets[text[i]]
		if v < 0 {
			break
		}
		bits = bits<<6 | uint32(v)
		if have += 6; have >= 8 {
			have -= 8
			b = append(b, byte(bits>>have)) //nolint:gosec // G115: the lowest eight bits
		}
	}
	return b
}

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

// decodeBase64 is the text that base64 hides, or empty when the text is no base64 of a text.
func decodeBase64(text string) string {
	if len(text) < 11 {
		return ""
	}
	trimmed := strings.TrimRight(text, "=")
	broken := false
	for i := range len(trimmed) {
		if c := trimmed[i]; c == '\r' || c == '\n' {
			broken = true
		} else if sextets[c] < 0 {
			return ""
		}
	}
	if broken {
		trimmed = strings.ReplaceAll(strings.ReplaceAll(trimmed, "\r", ""), "\n", "")
	}
	if !startsText(trimmed) {
		return ""
	}
	plain := string(appendBase64(make([]byte, 0, len(trimmed)*3/4+1), trimmed, len(trimmed)))
	if !utf8.ValidString(plain) || strings.ContainsFunc(plain, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }) {
		return ""
	}
	return plain
}

// startsText reports whether base64 starts as that of a text does. Few other strings do, and need not be decoded whole.
func startsText(encoded string) bool {
	var b [12]byte
	for rest := appendBase64(b[:0], encoded, len(b)); utf8.FullRune(rest); {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return false
		}
		rest = rest[size:]
	}
	return true
}

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
