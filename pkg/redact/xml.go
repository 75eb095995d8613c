package redact

import "strings"

// xmlFrame is an element that is open.
type xmlFrame struct {
	mapping
	name   string // without its prefix
	member member
	secret bool
	next   bool   // the value of the element before is the name of the next one's, as in a property list
	text   string // what it starts with
	pieces int    // how many pieces of secret elements there were before it
}

// xmlReader follows the elements of a document. It takes other texts for what they are: few elements, with no secret names.
type xmlReader struct {
	*scanner
	waitingRoom
	frames []xmlFrame
	pieces []candidate // the texts of the secret elements that are open
}

// xml looks for elements and attributes with sensitive names, and for pairs of them: <password>x</password>,
// <add key="Password" value="x"/>, <name>password</name><value>x</value>.
func (s *scanner) xml(at int) {
	r := xmlReader{scanner: s, frames: []xmlFrame{{}}}
	t := s.text
	for at < len(t) {
		open := strings.IndexByte(t[at:], '<')
		if open < 0 || at+open+1 == len(t) {
			r.content(at, len(t))
			break
		}
		r.content(at, at+open)
		at += open
		switch c := t[at+1]; {
		case c == '/':
			at = r.endTag(at + 2)
		case isLetter(rune(c)):
			at = r.startTag(at + 1)
		case strings.HasPrefix(t[at:], "<![CDATA["):
			from := at + len("<![CDATA[")
			end := strings.Index(t[from:], "]]>")
			if end < 0 {
				end = len(t) - from
			}
			r.content(from, from+end)
			at = min(from+end+len("]]>"), len(t))
		default:
			at++
		}
		if len(r.frames) > maxDepth {
			s.add(0, len(t))
			return
		}
	}
	for len(r.frames) > 1 {
		r.close(false)
	}
	r.complete(&r.frames[0].mapping)
	r.decide(s)
}

// content is text between tags.
func (r *xmlReader) content(from, to int) {
	t := r.text
	first := from
	for from < to && t[from] <= ' ' {
		from++
	}
	for to > from && t[to-1] <= ' ' {
		to--
	}
	f := &r.frames[len(r.frames)-1]
	if from == to || len(r.frames) == 1 || literal(t[from:to]) {
		return
	}
	if f.text == "" {
		f.text = t[from:to]
	}
	if f.secret {
		r.pieces = append(r.pieces, candidate{from: from, to: to, secret: first == from && !strings.ContainsAny(t[from:to], " \n")})
		return
	}
	r.wait(from, to, false)
}

// nameEnd is where the name of an element or an attribute ends.
func nameEnd(t string, i int) int {
	for i < len(t) && (classes[t[i]] == word || t[i] == '.' || t[i] == ':' || t[i] >= 0x80) {
		i++
	}
	return i
}

// localName is a name without its prefix.
func localName(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }

// startTag reads a tag whose name starts at i, and returns its end.
func (r *xmlReader) startTag(i int) int {
	t := r.text
	end := nameEnd(t, i)
	f := xmlFrame{name: localName(t[i:end]), pieces: len(r.pieces)}
	parent := &r.frames[len(r.frames)-1]
	f.member = r.enter(r.names, f.name)
	f.secret = parent.secret || f.member.named || parent.next
	parent.next = false
	pair, empty := false, false
	first := len(r.pieces)
	for i = end; i < len(t) && t[i] != '>' && t[i] != '<'; {
		if empty = t[i] == '/'; empty || nameEnd(t, i) == i {
			i++
			continue
		}
		end := nameEnd(t, i)
		name := localName(t[i:end])
		for i = end; i < len(t) && (t[i] == ' ' || t[i] == '='); i++ {
		}
		if i == len(t) || t[i] != '"' && t[i] != '\'' || i == end {
			continue
		}
		quote := strings.IndexByte(t[i+1:], t[i])
		if quote < 0 {
			i = len(t)
			break
		}
		from, to := i+1, i+1+quote
		i = to + 1
		switch role := roleOf(name); {
		case r.names.Sensitive(name) && !literal(t[from:to]):
			r.add(from, to)
		case role == nameRole:
			pair = pair || r.names.Sensitive(t[from:to])
		case role == valueRole:
			r.pieces = append(r.pieces, candidate{from: from, to: to})
		}
	}
	if pair {
		for _, p := range r.pieces[first:] {
			r.add(p.from, p.to)
		}
	}
	r.pieces = r.pieces[:first]
	f.secret = f.secret || pair
	r.frames = append(r.frames, f)
	if i < len(t) && t[i] == '>' {
		i++
	}
	if empty {
		r.close(true)
	}
	return i
}

// endTag reads the end of an element, whose name starts at i, and of those in it that have none, as in HTML.
func (r *xmlReader) endTag(i int) int {
	t := r.text
	end := nameEnd(t, i)
	name := localName(t[i:end])
	const unclosed = 8 // how many are looked at
	for n := range min(unclosed, len(r.frames)-1) {
		if r.frames[len(r.frames)-1-n].name == name {
			for range n {
				r.close(false)
			}
			r.close(true)
			break
		}
	}
	if end < len(t) && t[end] == '>' {
		end++
	}
	return end
}

// close ends the last element. The texts of a secret one that is not closed are those that look like one only: "use <token> here".
func (r *xmlReader) close(closed bool) {
	n := len(r.frames) - 1
	f, parent := &r.frames[n], &r.frames[n-1]
	if f.secret && !parent.secret {
		for i, p := range r.pieces[f.pieces:] {
			if closed || i == 0 && p.secret {
				r.add(p.from, p.to)
			}
		}
		r.pieces = r.pieces[:f.pieces]
	}
	r.leave(&parent.mapping, &f.member)
	parent.scalar(r.names, &f.member, f.text)
	parent.next = f.name == "key" && r.names.Sensitive(f.text)
	r.complete(&f.mapping)
	r.frames = r.frames[:n]
}
