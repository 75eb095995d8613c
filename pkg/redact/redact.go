package redact

import (
	"cmp"
	"slices"
	"strings"
)

// Mask stands in the place of a secret.
const Mask = "[redacted]"

// Finding is a secret in a text, and what stands there instead.
type Finding struct {
	From, To int    // bytes
	Mask     string // Mask, or what a document inside the text looks like without its secrets
}

// Options configure a scan. The zero value is ready to use.
type Options struct {
	// Names are the sensitive names; nil means Default.
	Names *Names
	// Prose reads "token: unexpected end" as a sentence, as in the messages of a log. Otherwise it is a value with a name.
	Prose bool
	// Also reports whether a string of a document is secret for another reason. It may be nil.
	Also func(text string) bool
	// Work, if not nil, grows by the bytes that were read of texts inside the text: what was encoded, and documents.
	Work *int
	// Found is called with each secret, as it is without the escapes of its document. It may be nil. The text is only valid during
	// the call.
	Found func(secret string)
}

// Text is the text with its secrets masked, by the built-in names.
func Text(text string) string { return Apply(text, Find(text, &Options{})) }

// Find looks for the secrets of a text. They come in order and do not overlap; nil means that there are none.
func Find(text string, o *Options) []Finding {
	from := hint(text)
	if from == len(text) {
		return nil
	}
	s := scanner{o: o, names: o.Names, own: work{left: workFloor + workFactor*len(text)}}
	s.work = &s.own
	if s.names == nil {
		s.names = Default
	}
	found := s.find(text, from)
	if o.Work != nil {
		*o.Work += s.own.done
	}
	return found
}

// Apply masks what was found.
func Apply(text string, found []Finding) string {
	if len(found) == 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(Mask)*len(found))
	last := 0
	for _, f := range found {
		b.WriteString(text[last:f.From])
		b.WriteString(f.Mask)
		last = f.To
	}
	b.WriteString(text[last:])
	return b.String()
}

// maxLevel is how many documents within documents are read as such. Deeper ones are masked whole.
const maxLevel = 4

// scanner reads one text. It gathers the findings of several readers, which may overlap.
type scanner struct {
	o     *Options
	names *Names
	level int   // how many documents the text is in
	work  *work // shared with the readers of the texts inside
	own   work
	form  bool // a form that is encoded has been read, outside of the text
	text  string

	found []Finding
	lines bool // the text has several lines
	tool  string
	room  []frame // none, but room for those of flow
	aws   bool    // an access key's ID is there, so the key may be, too
	tag   int     // where the first tag of XML is, plus one

	// How far the text has been looked through for these, so that it is not again.
	walked   int // JSON that is none
	flowed   int // YAML in flow style
	userless int // the @ of a URL
	path     int // a URL's path
	line     int // the end of the line
	semi     int // the next semicolon
}

// work is what reading the texts inside a text takes, in bytes. Each byte of a text can be in a few of them, but one that was made
// for it in many. A text that is not read for its cost is masked.
type work struct{ left, done int }

// afford takes n bytes of work, if there are as many left.
func (s *scanner) afford(n int) bool {
	if s.work.left < n {
		s.work.left = 0
		return false
	}
	s.work.left -= n
	s.work.done += n
	return true
}

const (
	workFactor = 6
	workFloor  = 8 << 10
)

// find reads a text in which nothing is found before from.
func (s *scanner) find(text string, from int) []Finding {
	s.text = text
	s.lines = strings.IndexByte(text, '\n') >= 0
	if end := s.scan(from); end < len(text) {
		if s.lines {
			s.yaml()
		}
		if s.tag > 0 {
			s.xml(s.tag - 1)
		}
		s.inside()
	}
	if s.aws {
		s.awsKeys()
	}
	if at := strings.Index(text, "@tcp("); at > 0 { // user:x@tcp(h:3306)/db
		from := at
		for from > 0 && at-from < longestKey && text[from-1] > ' ' && text[from-1] != '"' && text[from-1] != '\'' {
			from--
		}
		if user := strings.IndexByte(text[from:at], ':'); user >= 0 {
			s.add(from+user+1, at)
		}
	}
	if len(s.found) < 2 {
		return s.found
	}
	slices.SortFunc(s.found, func(a, b Finding) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.To, a.To)) })
	merged := s.found[:1]
	for _, f := range s.found[1:] {
		last := &merged[len(merged)-1]
		switch {
		case f.From >= last.To:
			merged = append(merged, f)
		case f != *last && (f.To > last.To || last.Mask != Mask):
			last.To, last.Mask = max(last.To, f.To), Mask
		}
	}
	return merged
}

// lineEnd is where the line ends that i is in.
func (s *scanner) lineEnd(i int) int {
	if s.line <= i {
		s.line = next(s.text, i, "\r\n")
	}
	return s.line
}

// semicolon is where the next one is, from i on.
func (s *scanner) semicolon(i int) int {
	if s.semi <= i {
		s.semi = next(s.text, i, ";")
	}
	return s.semi
}

// next is where one of the bytes is, from i on, or the end of the text.
func next(t string, i int, bytes string) int {
	if n := strings.IndexAny(t[i:], bytes); n >= 0 {
		return i + n
	}
	return len(t)
}

// add notes that text[from:to] is secret. What is masked already stays as it is.
func (s *scanner) add(from, to int) {
	if n := masked(s.text[from:to]); n > 0 {
		from += n
	}
	if from >= to {
		return
	}
	s.found = append(s.found, Finding{from, to, Mask})
	if s.o.Found != nil {
		secret := s.text[from:to]
		s.o.Found(secret)
		if strings.IndexByte(secret, '\\') >= 0 {
			s.o.Found(Unescape(secret))
		}
	}
}

// masked is the length of a mask at the start of a text: [redacted], or one with a number or a hash in it.
func masked(text string) int {
	const open = "[redacted"
	if !strings.HasPrefix(text, open) {
		return 0
	}
	end := strings.IndexByte(text[:min(len(text), 32)], ']')
	if end < 0 || end > len(open) && text[len(open)] != ' ' {
		return 0
	}
	return end + 1
}

// leaf reads a string of a document, which is text[from:to] as it stands there.
func (s *scanner) leaf(from, to int) {
	if from == to {
		return
	}
	plain := s.text[from:to]
	escaped := strings.IndexByte(plain, '\\') >= 0
	if escaped {
		plain = Unescape(plain)
	}
	var found []Finding
	if start := hint(plain); start < len(plain) {
		if !s.afford(len(plain)) {
			s.add(from, to)
			return
		}
		inner := scanner{o: s.o, names: s.names, level: s.level + 1, work: s.work}
		found = inner.find(plain, start)
	}
	// What is secret for another reason may be no more than what was found in it.
	if s.o.Also != nil && s.o.Also(plain) && (found == nil || s.o.Also(Apply(plain, found))) {
		s.add(from, to)
		return
	}
	switch {
	case len(found) == 0:
	case escaped:
		s.found = append(s.found, Finding{from, to, escape(Apply(plain, found))})
	default:
		for _, f := range found {
			s.found = append(s.found, Finding{from + f.From, from + f.To, f.Mask})
		}
	}
}
