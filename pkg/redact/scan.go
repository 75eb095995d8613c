package redact

import (
	"strings"
	"unicode/utf8"
)

// classes tell the bytes at which something may start or end from all others.
type class uint8

const (
	plain class = iota
	word        // of a name or a token
	dot
	equals
	colon
	opening
	newline
	sign // that starts a tag, a hash, or an encoded byte
)

var classes = func() (of [256]class) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") {
		of[c] = word
	}
	of['.'], of['='], of[':'], of['{'], of['['], of['\n'] = dot, equals, colon, opening, opening, newline
	of['<'], of['$'], of['%'], of['&'] = sign, sign, sign, sign
	return of
}()

// hint is where the first byte is at which something could be found, or the end of the text. Most texts have none.
func hint(t string) int {
	for i := 0; i < len(t); {
		switch classes[t[i]] {
		case word:
			start := i
			if i+1 < len(t) && isStart(t[i], t[i+1]) && mayStart(t[i:]) || i > 0 && t[i-1] == '\\' {
				return i
			}
			for i++; i < len(t) && classes[t[i]] == word; i++ {
			}
			switch length := i - start; {
			case length > 1 && sextets[t[start]]>>5 == 0 && base64Start(t[start:], length):
				return start
			case length > 1 && i < len(t) && (t[i] <= '+' || t[i] == '\\') && spoken(t[i-2], t[i-1]) && speaks(t, start, i):
				return start
			case length >= 8 && i < len(t) && t[i] == '.' && strings.Contains(t[start:i], "eyJ"):
				return start
			}
		case sign:
			if signals(t[i:]) {
				return i
			}
			i++
		case equals, colon, opening:
			return i
		default:
			i++
		}
	}
	return len(t)
}

// scan goes over the text once, from the left, from i on. It returns the end of the JSON document that the text starts with, 0 without one.
func (s *scanner) scan(from int) (document int) {
	t := s.text
	for i := from; i < len(t); {
		switch classes[t[i]] {
		case plain:
			i++
		case word:
			i = s.run(i)
		case dot:
			i++
		case equals:
			i = s.assignment(i)
		case colon:
			i = s.colon(i)
		case sign:
			i = s.sign(i)
		case newline:
			s.tool = ""
			i++
		case opening:
			first := document == 0 && i == from && strings.TrimSpace(t[:i]) == ""
			if i = s.open(i); first {
				document = i
			}
		}
	}
	return document
}

// run reads a run of word bytes: a name, a token, a flag, the start of a PEM block.
func (s *scanner) run(i int) int {
	t := s.text
	start := i
	if i > 0 && t[i-1] == '\\' && i+1 < len(t) { // the n of \n belongs to what is before
		start++
	}
	if start+1 < len(t) && isStart(t[start], t[start+1]) {
		if end := s.start(start); end > start {
			return end
		}
	}
	for i++; i < len(t) && classes[t[i]] == word; i++ {
	}
	if i < len(t) && t[i] == '.' && i-start >= len("eyJ")+5 {
		if at := strings.Index(t[start:i], "eyJ"); at >= 0 {
			if end := jwtEnd(t, start+at); end > 0 {
				s.add(start+at, end)
				return end
			}
		}
	}
	if base64Start(t[start:], i-start) {
		if end := s.base64(start); end > start {
			return end
		}
	}
	if i-start > 1 && i < len(t) && spoken(t[i-2], t[i-1]) && speaks(t, start, i) {
		return s.spoken(start, i)
	}
	return i
}

// signals reports whether a sign starts something here.
func signals(t string) bool {
	var b [utf8.UTFMax]byte
	switch t[0] {
	case '<':
		return len(t) > 1 && isLetter(rune(t[1]))
	case '$':
		return hashEnd(t) > 0
	case '&':
		_, n := entity(b[:0], t)
		return n > 0
	}
	_, n := percent(b[:0], t)
	return n > 0
}

// sign reads a tag or a hash. What is encoded is read after the rest of the text.
func (s *scanner) sign(i int) int {
	switch t := s.text[i:]; t[0] {
	case '<':
		if s.tag == 0 && signals(t) {
			s.tag = i + 1
		}
	case '$':
		if n := hashEnd(t); n > 0 {
			s.add(i, i+n)
			return i + n
		}
	}
	return i + 1
}

// hashes are what crypt's hashes of passwords start with, between dollar signs.
var hashes = map[string]bool{
	"1": true, "2a": true, "2b": true, "2x": true, "2y": true, "5": true, "6": true, "7": true, "y": true, "gy": true, "apr1": true, "md5": true,
	"sha1": true, "scrypt": true, "argon2i": true, "argon2d": true, "argon2id": true, "pbkdf2": true, "pbkdf2-sha256": true, "pbkdf2-sha512": true,
}

// hashEnd is the end of the hash of a password that t starts with, or 0.
func hashEnd(t string) int {
	if len(t) < 20 {
		return 0
	}
	id := strings.IndexByte(t[1:16], '$')
	if id < 1 || !hashes[t[1:1+id]] {
		return 0
	}
	end := id + 2
	for end < len(t) && (classes[t[end]] == word || strings.IndexByte("./$+=,", t[end]) >= 0) {
		end++
	}
	if end < id+2+16 {
		return 0
	}
	return end
}

// jwtEnd is the end of the JWT that starts at i, or 0.
func jwtEnd(t string, i int) int {
	for part := 0; ; part++ {
		start := i
		for i < len(t) && classes[t[i]] == word {
			i++
		}
		switch length := i - start; {
		case part == 0 && length < 8, part == 1 && length < 5:
			return 0
		case i == len(t) || t[i] != '.' || part == 4:
			if part == 0 {
				return 0
			}
			return i
		}
		i++
	}
}

// open reads the JSON that starts at i, or the YAML in flow style.
func (s *scanner) open(i int) int {
	if s.level >= maxLevel && jsonStart(s.text, i) {
		s.add(0, len(s.text))
		return len(s.text)
	}
	if i >= s.walked && jsonStart(s.text, i) {
		end, ok := s.json(i)
		if ok {
			return end
		}
		s.walked = end
	}
	if s.text[i] == '{' && i >= s.flowed {
		s.flow(i)
	}
	return i + 1
}

// jsonStart looks at what follows a brace or a bracket.
func jsonStart(t string, i int) bool {
	object := t[i] == '{'
	for i++; i < len(t); i++ {
		switch c := t[i]; {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
		case c == '"':
			return true
		case object:
			return c == '}'
		default:
			return c == '{' || c == '[' || c == ']' || c == '-' || '0' <= c && c <= '9' || c == 't' || c == 'f' || c == 'n'
		}
	}
	return false
}
