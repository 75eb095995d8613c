package redact

import "strings"

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
)

var classes = func() (of [256]class) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") {
		of[c] = word
	}
	of['.'], of['='], of[':'], of['{'], of['['], of['\n'] = dot, equals, colon, opening, opening, newline
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
			if i < len(t) && t[i] == '.' && i-start >= 8 && strings.Contains(t[start:i], "eyJ") {
				return start
			}
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
	return i
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
