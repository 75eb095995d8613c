package redact

import "strings"

// longestKey is how many bytes before = or : are looked at.
const longestKey = 128

// assignment reads what stands around a = at i: a query, a line of dotenv or ini, an argument, a connection string.
func (s *scanner) assignment(i int) int {
	t := s.text
	from, to := s.keyBefore(i)
	if from == to {
		return i + 1
	}
	before := byte(0)
	if from > 0 {
		before = t[from-1]
	}
	query := s.queryName(t[from:to], before)
	if !query && !s.names.Sensitive(t[from:to]) && (before != ' ' || !s.names.Sensitive(s.phrase(from, to))) {
		return i + 1
	}
	v := i + 1
	for v < len(t) && (t[v] == '=' || t[v] == '>') { // == and =>
		v++
	}
	for v < len(t) && (t[v] == ' ' || t[v] == '\t') {
		v++
	}
	if start, end := below(t, v, s.lineEnd(v)); start > 0 {
		s.add(start, end)
		return end
	}
	start, end := s.value(v, from, query)
	s.add(start, end)
	return end
}

// below is where the value is that starts in the line after the one that ends at line: a here document, or a line that goes on.
func below(t string, v, line int) (from, to int) {
	next := line // the next line
	for next < len(t) && (t[next] == '\r' || t[next] == '\n') && t[next-1] != '\n' {
		next++
	}
	if next >= len(t) {
		return 0, 0
	}
	if t[v:line] == `\` {
		for from = next; from < len(t) && isBlank(t[from]); from++ {
		}
		for to = from; to < len(t) && t[to] > ' '; to++ {
		}
		return from, to
	}
	at := strings.LastIndex(t[max(v, line-longestKey):line], "<<")
	if at < 0 {
		return 0, 0
	}
	mark := strings.Trim(t[max(v, line-longestKey)+at+2:line], "-~\"' \\")
	if mark == "" || strings.ContainsAny(mark, " \t") {
		return 0, 0
	}
	to = len(t)
	for start := next; start < len(t); {
		end := start
		for end < len(t) && t[end] != '\n' {
			end++
		}
		if strings.TrimSpace(t[start:end]) == mark {
			to = max(next, start-1)
			break
		}
		start = end + 1
	}
	return next, to
}

// keyBefore is the name that ends before i, without quotes and white space.
func (s *scanner) keyBefore(i int) (from, to int) {
	t := s.text
	to = i
	for to > 0 && i-to < 32 && (t[to-1] == ' ' || t[to-1] == '\t') {
		to--
	}
	for to > 0 && strings.IndexByte("*?!|", t[to-1]) >= 0 && i-to < 32 { // **password**: x, PASSWORD ?= x, password != x, password ||= x
		to--
	}
	for to < i && to > 0 && t[to-1] == ' ' && i-to < 32 {
		to--
	}
	if to > 0 && (t[to-1] == '"' || t[to-1] == '\'' || t[to-1] == ']') {
		to--
		if to > 0 && (t[to-1] == '\\' || t[to-1] == '"' || t[to-1] == '\'') {
			to--
		}
	}
	from = to
	for from > 0 && to-from < longestKey && (classes[t[from-1]] == word || t[from-1] == '.') {
		from--
	}
	return from, to
}

// keyOfWords reports whether a name is the last of two words that are one together: API key: x.
func (s *scanner) keyOfWords(from, to int) bool {
	switch strings.ToLower(s.text[from:to]) {
	case "key", "string", "phrase":
		before := wordBefore(s.text, from)
		return before != "" && from > 0 && isBlank(s.text[from-1]) && s.names.Sensitive(before+"_"+s.text[from:to]) && !s.names.Sensitive(before)
	}
	return false
}

// phrase is a key of several words: Shared Access Key=.
func (s *scanner) phrase(from, to int) string {
	least := max(0, from-32)
	for from > least && (classes[s.text[from-1]] == word || s.text[from-1] == ' ' || s.text[from-1] == '+') {
		from--
	}
	return s.text[from:to]
}

// value is where the value is that starts at v, of the key at key. It is quoted, or it ends where one would end it who
// wrote it without quotes.
func (s *scanner) value(v, key int, query bool) (from, to int) {
	t := s.text
	if n := masked(t[v:]); n > 0 {
		return v, v + n
	}
	for _, quote := range [...]string{`\"`, `"""`, `"`, `'`, "`"} {
		if strings.HasPrefix(t[v:], quote) {
			return v + len(quote), quotedEnd(t, v+len(quote), quote)
		}
	}
	line := s.lineEnd(v)
	switch {
	case v == line:
		return v, v
	case query:
	case s.connection(key, v, line):
		end := v
		for end < line && t[end] != ';' && (t[end] != '"' && t[end] != '\'' || end+1 < line && strings.IndexByte(" \t,;:)}]>\\", t[end+1]) < 0) {
			end++
		}
		return v, end
	case (s.lines || !s.o.Prose) && s.startsLine(key) && !another(t[v:line]):
		return v, v + len(strings.TrimRight(t[v:line], " \t\\"))
	case t[v] == '[' || t[v] == '{' || t[v] == '(':
		for end := v; end < line; end++ {
			if t[end] == t[v]+1+t[v]>>6 { // the bracket that closes it
				return v + 1, end
			}
		}
		return v, line
	}
	end := v
	for end < line && !s.endsValue(end, line, query) {
		end++
	}
	if schemes[strings.ToLower(t[v:min(end, v+16)])] && end < line && isBlank(t[end]) { // authorization=Basic x
		for end = skipBlanks(t, end, line); end < line && !isBlank(t[end]) && strings.IndexByte("\"'`,;&", t[end]) < 0; {
			end++
		}
	}
	return v, end
}

// quotedEnd is where a quoted value ends that starts at i. What is escaped does not end it.
func quotedEnd(t string, i int, quote string) int {
	for ; i < len(t); i++ {
		if strings.HasPrefix(t[i:], quote) {
			return i
		}
		if t[i] == '\\' {
			i++
		}
	}
	return len(t)
}

// endsValue reports whether an unquoted value ends before i. White space ends it. A bracket, a comma or another sign may be
// part of it, unless something else follows.
func (s *scanner) endsValue(i, line int, query bool) bool {
	t := s.text
	switch c := t[i]; c {
	case ' ', '\t', '\r', '\n':
		return true
	case '&', '#':
		return query || c == '&' && follows(t[i+1:line])
	case '<', '>':
		return query
	case '\\':
		return i+1 < line && (t[i+1] == '"' || t[i+1] == '\\')
	case ';', ',', '}', ']', ')', '"', '\'', '`':
		if i+1 >= line {
			return true
		}
		next := t[i+1]
		return next <= ' ' || strings.IndexByte(";,}])\"'`\\", next) >= 0 || follows(t[i+1:line])
	}
	return false
}

// follows reports whether a text starts with another name=.
func follows(t string) bool {
	end := 0
	for end < len(t) && end < longestKey && (classes[t[end]] == word || t[end] == '.') {
		end++
	}
	return end > 0 && end < len(t) && t[end] == '='
}

// another reports whether a text goes on with another name=, after other words.
func another(t string) bool {
	t = t[:min(len(t), 256)]
	at := strings.IndexByte(t, '=')
	for at > 0 {
		start := at
		for start > 0 && (classes[t[start-1]] == word || t[start-1] == '.') {
			start--
		}
		if start < at && (start == 0 || strings.IndexByte(" \t&;,\"'", t[start-1]) >= 0) {
			return true
		}
		next := strings.IndexByte(t[at+1:], '=')
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// connection reports whether the key at key is part of a connection string, in which a value ends with a semicolon only.
func (s *scanner) connection(key, v, line int) bool {
	before := key
	for before > 0 && key-before < 32 && (s.text[before-1] == ' ' || classes[s.text[before-1]] == word) {
		before--
	}
	if before > 0 && s.text[before-1] == ';' {
		return true
	}
	n := s.semicolon(v)
	if n >= line {
		return false
	}
	rest := strings.TrimLeft(s.text[n+1:min(line, n+64)], " ")
	eq := strings.IndexByte(rest, '=')
	return eq > 0 && strings.IndexByte(rest[:eq], ';') < 0
}

// startsLine reports whether the key at i is the first of its line, except for export and similar words.
func (s *scanner) startsLine(i int) bool {
	t := s.text
	start := i
	for start > 0 && i-start < 24 && t[start-1] != '\n' {
		start--
	}
	if start > 0 && t[start-1] != '\n' {
		return false
	}
	switch strings.TrimSpace(strings.TrimRight(t[start:i], "\"' \t-")) {
	case "", "export", "set", "ENV", "ARG", "env", "declare", "local", "readonly", "setenv", "Environment=", "declare -x":
		return true
	}
	return false
}

// colon reads what stands around a : at i: a URL, a member of an object, a header.
func (s *scanner) colon(i int) int {
	t := s.text
	if strings.HasPrefix(t[i:], "://") {
		return s.url(i)
	}
	from, to := s.keyBefore(i)
	if from == to || !s.names.Sensitive(t[from:to]) && !s.keyOfWords(from, to) {
		if to == i && to-from == len("thin") && t[from:to] == "thin" { // jdbc:oracle:thin:user/x@h
			s.accounts(from, "thin:")
		}
		return i + 1
	}
	v := i + 1
	for v < len(t) && (t[v] == ' ' || t[v] == '\t' || t[v] == '*') {
		v++
	}
	if v == len(t) || t[v] == '\n' || t[v] == '\r' {
		return i + 1
	}
	if to < i && t[i-1] != ' ' && t[i-1] != '*' || t[v] == '"' || strings.HasPrefix(t[v:], `\"`) { // a member: "password":
		start, end := s.value(v, from, false)
		if start == v && t[v] != '[' && t[v] != '{' { // no quotes
			for end = v; end < len(t) && strings.IndexByte(" \t\r\n,}]", t[end]) < 0; end++ {
			}
			if masked(t[v:]) > 0 {
				end = v + masked(t[v:])
			}
			if literal(t[v:end]) {
				return i + 1
			}
		}
		s.add(start, end)
		return max(end, i+1)
	}
	return s.header(i, from, to, v)
}

func literal(s string) bool { return s == "null" || s == "true" || s == "false" }

// header reads name: value, where the value may also be the rest of a sentence.
func (s *scanner) header(i, from, to, v int) int {
	t := s.text
	before := byte(' ')
	if from > 0 {
		before = t[from-1]
	}
	slash := before == '/' && passwordLike(t[from:to]) && (from == 1 || isBlank(t[from-2])) // /Password:x
	if !slash && strings.IndexByte(" \t\n\"'`{,(->=?&;[|*", before) < 0 || v == i+1 && classes[t[v]] == colon {
		return i + 1
	}
	stop := byte('\n')
	if before == '"' || before == '\'' || before == '`' { // -H "X-Api-Key: x"
		stop = before
	}
	starts := s.startsLine(from)
	ends := func(c byte) bool { return c == '\n' || c == stop || c == '"' && !starts }
	first := v // the end of the first word
	for first < len(t) && !ends(t[first]) && t[first] != ' ' && t[first] != '\t' && t[first] != '\r' {
		if first-v == maxWord {
			break
		}
		first++
	}
	if before := strings.TrimRight(t[max(0, from-8):from], " "); before != "" && (before[len(before)-1] == '{' || before[len(before)-1] == ',') {
		if n := strings.IndexAny(t[v:first], ",}"); n >= 0 { // {a: x, password: x}
			first = v + n
		}
	}
	if first == v || t[v] == '|' || t[v] == '>' { // the text is below
		return i + 1
	}
	if t[v] == '\'' && stop != '\'' {
		if end := quotedEnd(t, v+1, "'"); end < s.lineEnd(v) {
			s.add(v+1, end)
			return end
		}
	}
	rest := func() int { // to where the whole value goes
		end := first
		for end < len(t) && !ends(t[end]) {
			end++
		}
		for end > v && strings.IndexByte(" \t\r,", t[end-1]) >= 0 {
			end--
		}
		return end
	}
	after := first
	for after < len(t) && (t[after] == ' ' || t[after] == '\t' || t[after] == '\r') {
		after++
	}
	alone := after == len(t) || ends(t[after])
	if !alone && schemes[strings.ToLower(t[v:first])] {
		end := rest()
		s.add(after, end)
		return max(end, after)
	}
	if first-v <= 3 && digits(t[v:first]) && !passwordLike(t[from:to]) { // a key: 256 bits
		return i + 1
	}
	compound := strings.ContainsAny(t[from:to], "-_.") || t[from:to] == strings.ToUpper(t[from:to]) || stop != '\n'
	value := strings.TrimRight(t[v:first], ".,;)")
	switch {
	case !s.o.Prose && (starts || stop != '\n'), first-v == maxWord:
		end := rest()
		s.add(v, end)
		return max(end, v)
	case alone && (compound || starts):
		s.add(v, first)
		return first
	case compound && to-from > 4, len(value) >= 6 && odd(value):
		s.add(v, v+len(value))
		return v + len(value)
	case value != "" && !placeholder(value) && !describes(value) && s.tellsWord(t[from:to], t[v:first]):
		end := v + len(value)
		if word, _ := spokenWord(t[from:to]); strings.EqualFold(word, "passphrase") {
			end = rest()
		}
		s.add(v, end)
		return end
	}
	return i + 1
}

// tellsWord reports whether a word after a name and a colon is secret, if it does not describe what is. In the messages of a log an
// error may follow.
func (s *scanner) tellsWord(name, word string) bool {
	return !s.o.Prose || len(word) >= 20 && strings.IndexByte(word, ':') < 0 || passwordLike(name) && word[len(word)-1] != ':'
}

// maxWord is the length from which a word is none of a sentence.
const maxWord = 256

// schemes are those of an Authorization value that the credential follows.
var schemes = map[string]bool{"bearer": true, "basic": true, "digest": true, "token": true, "apikey": true, "negotiate": true, "aws4-hmac-sha256": true}

// odd reports whether a word is none of a sentence.
func odd(word string) bool {
	for i := range len(word) {
		c := word[i]
		if '0' <= c && c <= '9' || strings.IndexByte("!@#$%^&*+=~_", c) >= 0 {
			return true
		}
	}
	return false
}
