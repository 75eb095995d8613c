package redact

import "strings"

// flowReader follows a mapping of YAML in flow style, {name: DB_PASSWORD, value: x}, and what is in it.
type flowReader struct{ jsonReader }

// flow reads the mapping that starts at i. The text is scanned as any other besides, so that what is found here is only more.
func (s *scanner) flow(i int) {
	r := flowReader{jsonReader{scanner: s, frames: s.room[:0]}}
	s.flowed = r.read(i)
	for len(r.frames) > 0 {
		r.close()
	}
	r.decide(s)
	s.room = r.frames
}

// read returns up to where the text was understood.
func (r *flowReader) read(i int) int {
	t := r.text
	for i < len(t) {
		var f *frame
		if n := len(r.frames); n > 0 {
			f = &r.frames[n-1]
		}
		switch c := t[i]; {
		case c <= ' ':
			i++
		case c == ',':
			if f.valued { // a member without a value
				r.done("")
			}
			i++
		case (c == '{' || c == '[') && masked(t[i:]) == 0:
			if f != nil && f.object && !f.valued {
				return i
			}
			if len(r.frames) == maxDepth {
				r.add(0, len(t))
				return len(t)
			}
			r.frames = append(r.frames, frame{object: c == '{', named: f.hides()})
			i++
		case c == '}' || c == ']':
			if f.object != (c == '}') {
				return i
			}
			i++
			r.close()
			if len(r.frames) == 0 {
				return i
			}
			r.done("")
		case f.object && !f.valued:
			from, to, end := flowScalar(t, i, true)
			if end == len(t) || t[end] != ':' {
				return max(end, i+1)
			}
			i = end + 1
			f.member, f.valued = r.enter(r.names, Unescape(t[from:to])), true
		default:
			from, to, end := flowScalar(t, i, false)
			i = max(end, i+1)
			r.done(r.value(f, from, to))
		}
	}
	return i
}

// flowScalar is where the scalar is that starts at i, and where what it stands in ends.
func flowScalar(t string, i int, key bool) (from, to, end int) {
	if c := t[i]; c == '"' || c == '\'' {
		from, to = i+1, i+1
		for to < len(t) && t[to] != c {
			if t[to] == '\\' && c == '"' {
				to++
			}
			to++
		}
		to = min(to, len(t))
		for end = min(to+1, len(t)); end < len(t) && t[end] <= ' '; end++ {
		}
		if end == len(t) || strings.IndexByte(",}]:", t[end]) >= 0 {
			return from, to, end
		}
	}
	open := 0 // brackets in the scalar, as in ${x}
scalar:
	for end = i; end < len(t); end++ {
		c := t[end]
		if n := masked(t[end:]); n > 0 {
			end += n - 1
			continue
		}
		if key && (c == '\n' || end-i > longestKey || c == ':' && (end+1 == len(t) || t[end+1] <= ' ')) {
			break
		}
		switch c {
		case '{', '[':
			if key || t[end-1] <= ' ' {
				break scalar
			}
			open++
		case '}', ']':
			if open == 0 {
				break scalar
			}
			open--
		case ',':
			if open == 0 {
				break scalar
			}
		}
	}
	from, to = i, i+len(strings.TrimRight(t[i:end], " \t\r\n"))
	if to-from >= 4 && strings.HasPrefix(t[from:to], `\"`) && strings.HasSuffix(t[from:to], `\"`) {
		return from + 2, to - 2, end
	}
	return from, to, end
}

// value reads a scalar and returns it, if it may be shown.
func (r *flowReader) value(f *frame, from, to int) string {
	text := r.text[from:to]
	n := masked(text)
	switch {
	case from == to || n > 0 && n >= len(text)-1 || literal(text) || text[0] == '*' || text == "~":
		return ""
	case f.hides():
		r.add(from, to)
		return ""
	}
	r.wait(from, to, false)
	return Unescape(text)
}
