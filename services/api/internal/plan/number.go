package plan

import (
	"bytes"
	"strconv"
)

// appendNumber writes a number so that equal numbers have equal texts: the digits without zeros at either end, and the
// power of ten that they are multiplied by. It never makes the number itself, which an exponent may make very large.
func appendNumber(b, literal []byte) []byte {
	start := len(b)
	rest := literal
	if len(rest) > 0 && rest[0] == '-' {
		b = append(b, '-')
		rest = rest[1:]
	}
	first := len(b)
	power, fraction := 0, false
	for i, c := range rest {
		if c == 'e' || c == 'E' {
			e, err := strconv.Atoi(string(rest[i+1:]))
			if err != nil { // It has more digits than an int: take it as it is.
				return append(b[:start], literal...)
			}
			power += e
			break
		}
		switch {
		case c == '.':
			fraction = true
			continue
		case fraction:
			power--
		}
		if c != '0' || len(b) > first { // no zeros at the front
			b = append(b, c)
		}
	}
	for len(b) > first && b[len(b)-1] == '0' {
		b = b[:len(b)-1]
		power++
	}
	if len(b) == first { // also for -0
		return append(b[:start], '0')
	}
	b = append(b, 'e')
	return strconv.AppendInt(b, int64(power), 10)
}

// equalNumbers reports whether two literals are the same number.
func equalNumbers(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y [64]byte
	return bytes.Equal(appendNumber(x[:0], a), appendNumber(y[:0], b))
}

// exponentAt is where the e of a number is, or -1. Most are so short that a library's search takes longer to begin.
func exponentAt(literal []byte) int {
	for i, c := range literal {
		if c|0x20 == 'e' {
			return i
		}
	}
	return -1
}

// maxZeros is how many zeros the exponent of a number may stand for that is stored as one.
const maxZeros = 32

// isLongWritten reports whether a number has such an exponent that it is shown as a text, as it was sent. The database writes a
// number out: 1e999 takes five bytes in a plan, and a thousand in each response.
func isLongWritten(literal []byte) bool {
	i := exponentAt(literal)
	if i < 0 {
		return false
	}
	e, err := strconv.Atoi(string(literal[i+1:]))
	return err != nil || e > maxZeros || e < -maxZeros
}
