package redact

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"sync"
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

// AppendBase64 decodes base64 of either alphabet, up to a character that is of none, or to most bytes.
func AppendBase64[Text ~[]byte | ~string](b []byte, text Text, most int) []byte {
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

// IsBase64 reports whether a byte is a character of base64.
func IsBase64(c byte) bool { return sextets[c] >= 0 }

// DecodeBase64 is the text that base64 hides, or empty when the text is no base64 of a text.
func DecodeBase64(text string) string {
	if len(text) < 11 {
		return ""
	}
	trimmed := strings.TrimRight(text, "=")
	if strings.ContainsAny(trimmed, "\r\n") {
		trimmed = strings.NewReplacer("\r", "", "\n", "").Replace(trimmed)
	}
	for i := range len(trimmed) {
		if sextets[trimmed[i]] < 0 {
			return ""
		}
	}
	plain := string(AppendBase64(make([]byte, 0, len(trimmed)*3/4+1), trimmed, len(trimmed)))
	if !isText(plain) {
		return ""
	}
	return plain
}

func isText(plain string) bool {
	return utf8.ValidString(plain) && !strings.ContainsFunc(plain, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) })
}

const (
	// leastBase64 is from how many characters on base64 is looked into: password=x has 14 of them.
	leastBase64 = 14
	// wrapped is the least length of a line of base64 that goes on in the next line.
	wrapped = 40
	// maxRatio is how many times its size what is compressed may have without being masked unseen.
	maxRatio = 6
	gzipped  = "H4sI" // how base64 of gzip starts
)

// base64Start reports whether a run of n characters may start base64 of a text or of gzip. Text has no byte from 0x80 on, which
// each group of four characters shows. A slash or a plus, which are not part of the run, do not end it.
func base64Start(t string, n int) bool {
	if n < leastBase64 && (n == len(t) || t[n] != '/' && t[n] != '+') || len(t) < leastBase64 {
		return false
	}
	if strings.HasPrefix(t, gzipped) {
		return true
	}
	for i := range leastBase64 {
		v := sextets[t[i]]
		switch {
		case v < 0, i&3 == 0 && v&32 != 0, i&3 == 1 && v&8 != 0, i&3 == 2 && v&2 != 0:
			return false
		}
	}
	return true
}

// base64 reads the text that base64 from i on hides, and returns its end; i when there is none. What has a secret in it is masked
// whole.
func (s *scanner) base64(i int) int {
	t := s.text
	end, line := i, i
	lines := false
	for end < len(t) {
		if sextets[t[end]] >= 0 {
			end++
			continue
		}
		next := end
		for next < len(t) && (t[next] == '\r' || t[next] == '\n' || next > end && t[next] == ' ') {
			next++
		}
		if next == end || end-line < wrapped || next == len(t) || sextets[t[next]] < 0 {
			break
		}
		end, line, lines = next, next, true
	}
	text := t[i:end]
	for end < len(t) && t[end] == '=' {
		end++
	}
	if !s.afford(len(text)) {
		s.add(i, end)
		return end
	}
	if lines {
		text = strings.NewReplacer("\r", "", "\n", "", " ", "").Replace(text)
	}
	hidden, whole := s.hidden(AppendBase64(make([]byte, 0, len(text)*3/4+1), text, len(text)))
	if !whole || hidden != "" && s.tells(hidden) {
		s.add(i, end)
		return end
	}
	return i
}

// unzippers are used again, for each takes more memory than what it reads.
var unzippers sync.Pool

// hidden is the text that was encoded; empty when it is none. whole is false for one that cannot be read to its end.
func (s *scanner) hidden(plain []byte) (text string, whole bool) {
	if strings.HasPrefix(string(plain[:min(len(plain), 2)]), "\x1f\x8b") {
		if !s.afford(maxRatio * len(plain)) {
			return "", false
		}
		z, _ := unzippers.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		defer unzippers.Put(z)
		if z.Reset(bytes.NewReader(plain)) != nil {
			return "", true
		}
		buffer := make([]byte, maxRatio*len(plain))
		n, err := io.ReadFull(z, buffer)
		if err == nil { // there is more
			return "", false
		}
		return strings.ToValidUTF8(string(buffer[:n]), "?"), true
	}
	text = string(plain)
	if len(plain) > 1 && plain[1] == 0 { // UTF-16, as PowerShell takes it
		text = strings.ReplaceAll(text, "\x00", "")
	}
	if !isText(text) {
		return "", true
	}
	return text, true
}

// tells reports whether a text inside the text has a secret in it.
func (s *scanner) tells(text string) bool {
	found := false
	if start := hint(text); start < len(text) {
		if s.level >= maxLevel {
			return true
		}
		inner := scanner{o: s.o, names: s.names, level: s.level + 1, work: s.work}
		found = inner.find(text, start) != nil
	}
	return found || s.o.Also != nil && s.o.Also(text)
}
