package redact

import "strings"

// yamlFrame is a mapping that is open, whose keys have this indent.
type yamlFrame struct {
	mapping
	indent int
	member member
	valued bool // the member's value goes on below
}

// yamlReader follows mappings line by line, by their indent. It takes other texts for what they are: lines without keys.
type yamlReader struct {
	*scanner
	waitingRoom
	frames []yamlFrame

	secret int  // the indent of the sensitive key that the lines are below, -1 for none
	deep   bool // the text is nested too deep, and masked whole
	block  int  // the indent of the key that has the lines as one text (key: |), -1 for none
}

// yaml looks through the text for keys and their values. What other readers find needs no structure; here it is the values
// below a sensitive key, pairs and Kubernetes Secrets.
func (s *scanner) yaml() {
	if s.o.Prose && !strings.Contains(s.text, ":\n") && !strings.Contains(s.text, "\n- ") && !strings.Contains(s.text, "\n  ") {
		return
	}
	if !strings.Contains(s.text, ": ") && !strings.Contains(s.text, ":\n") {
		return
	}
	r := yamlReader{scanner: s, secret: -1, block: -1}
	for from := 0; from < len(s.text) && !r.deep; {
		to := strings.IndexByte(s.text[from:], '\n')
		if to < 0 {
			to = len(s.text)
		} else {
			to += from
		}
		r.line(from, to)
		from = to + 1
	}
	r.closeFrom(-1)
	r.decide(s)
}

func (r *yamlReader) line(from, to int) {
	t := r.text
	start := from
	for from < to && (t[from] == ' ' || t[from] == '\t') {
		from++
	}
	for to > from && (t[to-1] == ' ' || t[to-1] == '\r' || t[to-1] == '\t') {
		to--
	}
	if from == to {
		return
	}
	if from == start && strings.HasPrefix(t[from:to], "---") {
		r.closeFrom(-1)
		r.secret, r.block = -1, -1
		return
	}
	indent := from - start
	dash := t[from] == '-' && from+1 < to && t[from+1] == ' '
	if indent < r.secret || indent == r.secret && !dash {
		r.secret = -1
	}
	if indent <= r.block {
		r.block = -1
	}
	if r.block >= 0 {
		r.textLine(from, to)
		return
	}
	for t[from] == '-' && from+1 < to && t[from+1] == ' ' {
		r.closeFrom(indent) // an element is a mapping of its own
		for from++; from < to && t[from] == ' '; from++ {
		}
		if from == to {
			return
		}
		indent = from - start
	}
	r.closeFrom(indent)
	key, v := yamlKey(t, from, to)
	if key == "" {
		r.textLine(from, to)
		return
	}
	for range 4 { // a message before it: do it: kind: Secret
		inner, at := "", 0
		if v < to {
			inner, at = yamlKey(t, v, to)
		}
		if inner == "" || at == to || strings.IndexByte(inner, ' ') >= 0 {
			break
		}
		key, v = inner, at
	}
	if value := t[v:to]; len(value) > 1 && value[len(value)-1] == ':' && strings.IndexByte(value, ' ') < 0 {
		key, v = value[:len(value)-1], to // a message before it: do it: secrets:
	}
	if word := strings.LastIndexByte(key, ' '); word >= 0 && !r.names.Sensitive(key) {
		key = key[word+1:] // a message before it: done, since kind: Secret
	}
	if n := len(r.frames); n == 0 || r.frames[n-1].indent < indent {
		if len(r.frames) == maxDepth {
			r.add(0, len(t))
			r.deep = true
			return
		}
		r.frames = append(r.frames, yamlFrame{indent: indent})
	}
	f := &r.frames[len(r.frames)-1]
	f.end(r)
	f.member, f.valued = r.enter(r.names, key), true
	value := t[v:to]
	below := value == "" || value[0] == '|' || value[0] == '>' || value[0] == '#' || value[0] == '&' && !strings.Contains(value, " ") ||
		value[0] == '!' && (strings.HasSuffix(value, "|") || strings.HasSuffix(value, ">") || !strings.Contains(value, " "))
	if below {
		if f.member.named && r.secret < 0 {
			r.secret = indent
		}
		if value != "" && strings.ContainsAny(value, "|>") && (r.secret >= 0 || r.undecided > 0) {
			r.block = indent
		}
		return
	}
	if from, to := unquoted(t, v, to); from < to {
		quoted := from > v
		switch {
		case literal(t[from:to]) || t[from] == '*' || t[from] == '~' && to == from+1:
		case f.member.named && (quoted || !r.sentence(from, to)) || r.secret >= 0:
			r.add(from, to)
		default:
			f.scalar(r.names, &f.member, t[from:to])
			r.wait(from, to, false)
		}
	}
}

// sentence reports whether what follows a name in a log is rather the rest of a message.
func (r *yamlReader) sentence(from, to int) bool {
	return r.o.Prose && strings.IndexByte(r.text[from:to], ' ') >= 0
}

// textLine is a line without a key: an element of a list, or a line of a text.
func (r *yamlReader) textLine(from, to int) {
	if from, to = unquoted(r.text, from, to); from == to {
		return
	}
	if r.secret >= 0 {
		r.add(from, to)
		return
	}
	r.wait(from, to, false)
}

// yamlKey is the key of the line, and where its value starts; empty when there is none.
func yamlKey(t string, from, to int) (key string, value int) {
	var end int
	if t[from] == '"' || t[from] == '\'' {
		n := strings.IndexByte(t[from+1:to], t[from])
		if n < 0 {
			return "", 0
		}
		key, end = t[from+1:from+1+n], from+n+2
	} else {
		n := strings.IndexByte(t[from:to], ':')
		for n >= 0 && from+n+1 < to && t[from+n+1] != ' ' && t[from+n+1] != '\t' {
			next := strings.IndexByte(t[from+n+1:to], ':')
			if next < 0 {
				return "", 0
			}
			n += 1 + next
		}
		if n <= 0 || n > longestKey {
			return "", 0
		}
		key, end = t[from:from+n], from+n
	}
	if end >= to || t[end] != ':' || end+1 < to && t[end+1] != ' ' && t[end+1] != '\t' {
		return "", 0
	}
	for end++; end < to && (t[end] == ' ' || t[end] == '\t'); end++ {
	}
	return key, end
}

func unquoted(t string, from, to int) (int, int) {
	if to-from >= 2 && (t[from] == '"' || t[from] == '\'') && t[to-1] == t[from] {
		return from + 1, to - 1
	}
	return from, to
}

// end ends the member whose value went on until here.
func (f *yamlFrame) end(r *yamlReader) {
	if f.valued {
		r.leave(&f.mapping, &f.member)
		f.member, f.valued = member{}, false
	}
}

// closeFrom closes the mappings whose keys are further to the right than indent.
func (r *yamlReader) closeFrom(indent int) {
	for n := len(r.frames); n > 0 && r.frames[n-1].indent > indent; n = len(r.frames) {
		f := &r.frames[n-1]
		f.end(r)
		r.complete(&f.mapping)
		r.frames = r.frames[:n-1]
	}
}
