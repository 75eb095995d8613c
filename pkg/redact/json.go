package redact

import "strings"

// maxDepth is the nesting up to which JSON is followed. What is deeper is masked whole.
const maxDepth = 500

// frame is an object or a list that is open.
type frame struct {
	mapping
	object bool
	named  bool // every value in it is secret
	valued bool // a member's name has been read, its value is next
	member member
	next   bool // of a list: the value after a flag is secret
	names  bool // unless it is one more name of a variable
	count  int  // of a list: the values before
}

// jsonReader follows the structure of one document.
type jsonReader struct {
	*scanner
	waitingRoom
	frames []frame
}

// json reads the document that starts at i. Where it is none it says up to where it was read; what was found by then counts.
func (s *scanner) json(i int) (end int, ok bool) {
	r := jsonReader{scanner: s}
	end, ok = r.read(i)
	for len(r.frames) > 0 {
		r.close()
	}
	r.decide(s)
	return end, ok
}

func (r *jsonReader) read(i int) (int, bool) {
	t := r.text
	for i < len(t) {
		var f *frame
		if n := len(r.frames); n > 0 {
			f = &r.frames[n-1]
		}
		isName := f != nil && f.object && !f.valued
		switch c := t[i]; c {
		case ' ', '\t', '\n', '\r', ',':
			i++
		case '{', '[':
			if isName {
				return i, false
			}
			if len(r.frames) == maxDepth {
				r.add(0, len(t))
				return len(t), true
			}
			r.frames = append(r.frames, frame{object: c == '{', named: f.hides()})
			i++
		case '}', ']':
			if f == nil || f.object != (c == '}') {
				return i, false
			}
			i++
			r.close()
			if len(r.frames) == 0 {
				return i, true
			}
			r.done("")
		case '"':
			from := i + 1
			to := stringEnd(t, from)
			if to < 0 || f == nil {
				return len(t), false
			}
			i = to + 1
			if !isName {
				r.done(r.value(f, from, to))
				continue
			}
			for i < len(t) && (t[i] == ' ' || t[i] == '\t' || t[i] == '\n' || t[i] == '\r') {
				i++
			}
			if i == len(t) || t[i] != ':' {
				return i, false
			}
			i++
			f.member, f.valued = r.enter(r.names, Unescape(t[from:to])), true
			r.leaf(from, to)
		default:
			from := i
			for i < len(t) && (classes[t[i]] == word || t[i] == '.' || t[i] == '+') {
				i++
			}
			number := i > from && (t[from] == '-' || '0' <= t[from] && t[from] <= '9')
			if f == nil || isName || !number && !literal(t[from:i]) {
				return i, false
			}
			switch {
			case !number:
			case f.hides():
				r.number(from, i)
			default:
				r.wait(from, i, true)
			}
			r.done("")
		}
	}
	return len(t), false
}

// hides reports whether the next value of the frame is secret.
func (f *frame) hides() bool { return f != nil && (f.named || f.member.named || f.next) }

// value reads a string and returns it.
func (r *jsonReader) value(f *frame, from, to int) string {
	if f.hides() && (!f.names || f.named || !IsVariable(r.text[from:to])) {
		r.add(from, to)
		return ""
	}
	r.leaf(from, to)
	r.wait(from, to, false)
	return Unescape(r.text[from:to])
}

// done ends a value, with its text when it was a string.
func (r *jsonReader) done(text string) {
	f := &r.frames[len(r.frames)-1]
	if !f.object {
		flag := Flag(text, f.count == 0)
		f.next = flag != "" && r.names.Sensitive(flag)
		f.names = f.next && flag == text
		f.count++
		return
	}
	f.scalar(r.names, &f.member, text)
	r.leave(&f.mapping, &f.member)
	f.member, f.valued = member{}, false
}

func (r *jsonReader) close() {
	f := &r.frames[len(r.frames)-1]
	if f.valued {
		r.leave(&f.mapping, &f.member)
	}
	r.complete(&f.mapping)
	r.frames = r.frames[:len(r.frames)-1]
}

// stringEnd is where the quote is that ends the string that starts at i, or -1.
func stringEnd(t string, i int) int {
	for {
		n := strings.IndexByte(t[i:], '"')
		if n < 0 {
			return -1
		}
		escapes := 0
		for i+n-escapes > i && t[i+n-escapes-1] == '\\' {
			escapes++
		}
		i += n
		if escapes%2 == 0 {
			return i
		}
		i++
	}
}
