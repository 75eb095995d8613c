package redact

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// layer is a way to write signs of a text as other ones: &quot;, %22 or \".
type layer struct {
	sign byte // what each encoded byte or character starts with
	// one decodes what t starts with, appends it to b, and returns how long it was written; 0 when it is not encoded.
	one func(b []byte, t string) ([]byte, int)
	// hides reports whether what is decoded may be a part of what tells a secret from other text.
	hides  func(plain byte) bool
	encode func(plain string) string
}

var layers = [...]layer{
	{'&', entity, func(c byte) bool { return strings.IndexByte(`"'<>&=:`, c) >= 0 }, escapeEntities},
	{'%', percent, func(c byte) bool { return c < utf8.RuneSelf }, escapePercent},
	{'\\', backslash, func(c byte) bool { return c < utf8.RuneSelf && strings.IndexByte("\\/\t\r", c) < 0 }, escape},
}

// inside reads what the text is without one of the layers. Those that are below follow from that.
func (s *scanner) inside() {
	for i := range layers {
		l := &layers[i]
		if !l.in(s.text) {
			continue
		}
		if s.level >= maxLevel || !s.afford(len(s.text)) {
			s.add(0, len(s.text))
			return
		}
		text := l.plain(s.text, false)
		form := l.sign == '%' && !s.form && strings.IndexByte(text, '+') >= 0 && strings.IndexByte(s.text, ' ') < 0
		s.form = s.form || form
		l.read(s, text)
		if form && s.afford(len(s.text)) { // in which a plus is a blank
			l.read(s, l.plain(s.text, true))
		}
		if l.sign == '&' && s.o.Also != nil && s.o.Also(text) { // other layers are looked behind there
			s.add(0, len(s.text))
		}
		return
	}
}

// read looks through the text without the layer.
func (l *layer) read(s *scanner, text string) {
	if start := hint(text); start < len(text) {
		inner := scanner{o: s.o, names: s.names, level: s.level + 1, work: s.work, form: s.form}
		l.locate(s, inner.find(text, start))
	}
}

// in reports whether the layer could hide something in a text.
func (l *layer) in(t string) bool {
	var b [utf8.UTFMax]byte
	for {
		at := strings.IndexByte(t, l.sign)
		if at < 0 {
			return false
		}
		t = t[at:]
		plain, n := l.one(b[:0], t)
		if n > 0 && l.hides(plain[0]) {
			return true
		}
		t = t[max(n, 1):]
	}
}

// plain is a text without the layer. In a form, a plus that is not escaped is a blank.
func (l *layer) plain(t string, form bool) string {
	var b strings.Builder // which gives its bytes away without another copy
	b.Grow(len(t))
	write := func(t string) {
		for form {
			at := strings.IndexByte(t, '+')
			if at < 0 {
				break
			}
			b.WriteString(t[:at])
			b.WriteByte(' ')
			t = t[at+1:]
		}
		b.WriteString(t)
	}
	var scratch [utf8.UTFMax]byte
	for {
		at := strings.IndexByte(t, l.sign)
		if at < 0 {
			write(t)
			return b.String()
		}
		write(t[:at])
		t = t[at:]
		one, n := l.one(scratch[:0], t)
		if n == 0 {
			one, n = append(one, t[0]), 1
		}
		b.Write(one)
		t = t[n:]
	}
}

// locate adds what was found in the text without the layer, where it stands in the text with it.
func (l *layer) locate(s *scanner, found []Finding) {
	var b [utf8.UTFMax]byte
	at, in := 0, 0 // the same place in plain and in the text
	to := func(wanted int) int {
		for at < wanted {
			next := strings.IndexByte(s.text[in:], l.sign)
			if next < 0 || at+next >= wanted {
				in += wanted - at
				at = wanted
				break
			}
			at, in = at+next, in+next
			one, n := l.one(b[:0], s.text[in:])
			if n == 0 {
				at, in = at+1, in+1
				continue
			}
			at, in = at+len(one), in+n
		}
		return in
	}
	for _, f := range found {
		mask := f.Mask
		if mask != Mask {
			mask = l.encode(mask)
		}
		from := to(f.From)
		s.found = append(s.found, Finding{from, to(f.To), mask})
	}
}

// entities are those of XML.
var entities = [...]struct {
	name  string
	plain byte
}{{"&quot;", '"'}, {"&apos;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}}

// entity decodes a character of HTML or XML.
func entity(b []byte, t string) ([]byte, int) {
	for _, e := range entities {
		if strings.HasPrefix(t, e.name) {
			return append(b, e.plain), len(e.name)
		}
	}
	end := strings.IndexByte(t[:min(len(t), len("&#x10ffff;"))], ';')
	if end < len("&#0") || t[1] != '#' {
		return b, 0
	}
	digits, base := t[2:end], 10
	if digits[0]|0x20 == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if err != nil || n == 0 {
		return b, 0
	}
	return utf8.AppendRune(b, rune(n)), end + 1
}

func escapeEntities(plain string) string {
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "'", "&#39;", "<", "&lt;", ">", "&gt;").Replace(plain)
}

// percent decodes a byte of a URL.
func percent(b []byte, t string) ([]byte, int) {
	if len(t) < 3 {
		return b, 0
	}
	high, low := unhex(t[1]), unhex(t[2])
	if high < 0 || low < 0 {
		return b, 0
	}
	return append(b, byte(high<<4|low)), 3 //nolint:gosec // G115: both are of four bits
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func escapePercent(plain string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(plain) {
		if c := plain[i]; classes[c] == word || c == '.' || c == '~' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

// backslash decodes an escape of JSON.
func backslash(b []byte, t string) ([]byte, int) {
	if len(t) < 2 {
		return b, 0
	}
	switch c := t[1]; c {
	case '"', '\\', '/', '\'':
		return append(b, c), 2
	case 'n':
		return append(b, '\n'), 2
	case 't':
		return append(b, '\t'), 2
	case 'r':
		return append(b, '\r'), 2
	case 'u':
		r, ok := hex4(t, 2)
		if !ok {
			return b, 0
		}
		return utf8.AppendRune(b, r), 6
	}
	return b, 0
}
