package redact

import "strings"

// spokenNames are words at the end of a name that a secret may follow without a sign between them: password is x, PASSWORD 'x',
// requirepass x, IDENTIFIED BY 'x'.
var spokenNames = map[string]spokenKind{
	"password": passwordName, "passwords": passwordName, "passwd": passwordName, "pwd": passwordName, "passphrase": passwordName, "passcode": passwordName,
	"pw": passwordName, "pass": passwordName,
	"secret": otherName, "token": otherName, "key": otherName, "credential": otherName, "credentials": otherName, "psk": otherName, "jwt": otherName,
	"string": otherName, "crypt": directiveName, "requirepass": directiveName, "masterauth": directiveName, "masterpass": directiveName, "rootpw": directiveName, "bindpw": directiveName,
	"by": identifiedName,
}

type spokenKind uint8

const (
	noName         spokenKind = iota
	otherName                 // sentences go on after it
	passwordName              // what follows is a password more often than not
	directiveName             // of a configuration, which a value always follows
	identifiedName            // IDENTIFIED BY, in SQL
)

// spokenEnds has a bit for each two letters that such a word ends with.
var spokenEnds = func() (bits [1 << 16 / 64]uint64) {
	for name := range spokenNames {
		a, b := name[len(name)-2], name[len(name)-1]
		for _, key := range [...]uint16{uint16(a)<<8 | uint16(b), uint16(a-0x20)<<8 | uint16(b-0x20)} {
			bits[key/64] |= 1 << (key % 64)
		}
	}
	return bits
}()

func spoken(a, b byte) bool {
	key := uint16(a)<<8 | uint16(b)
	return spokenEnds[key/64]&(1<<(key%64)) != 0
}

// speaks reports whether the name t[from:to] may be followed by a secret.
func speaks(t string, from, to int) bool {
	if called(t, from, to) {
		_, kind := spokenWord(t[from:to])
		return kind != noName
	}
	if c := t[to]; c != ' ' && c != '\t' && c != '(' && c != '+' {
		return false
	}
	_, kind := spokenWord(t[from:to])
	return kind != noName && (kind != identifiedName || strings.EqualFold(wordBefore(t, from), "identified") || sqlName(wordBefore(t, from)))
}

// called reports whether the name t[from:to] is the first argument of a call, in quotes, and a second follows:
// define('DB_PASSWORD', 'x').
func called(t string, from, to int) bool {
	for least := max(1, from-longestKey); from > least && (classes[t[from-1]] == word || t[from-1] == '.'); { // "db.password"
		from--
	}
	start := from - 1
	for end := to; t[to] == '\\' && to-end < 8 && to+1 < len(t) && start > 1 && t[start-1] == '\\'; start-- { // in strings of JSON
		to++
	}
	return start > 0 && (t[to] == '"' || t[to] == '\'') && t[from-1] == t[to] && t[start-1] == '(' && to+1 < len(t) && t[to+1] == ','
}

// spokenWord is the word of a name that tells its kind.
func spokenWord(name string) (string, spokenKind) {
	var stack [16]byte
	start := len(name)
	for start > 0 && len(name)-start < len(stack) && isLetter(rune(name[start-1])) {
		start--
		if start > 0 && isUpper(rune(name[start])) && isLower(rune(name[start-1])) {
			break
		}
	}
	if len(name)-start < 2 || start > 0 && isLetter(rune(name[start-1])) && !isUpper(rune(name[start])) {
		return "", noName
	}
	lower := appendLower(stack[:0], name[start:])
	return name[start:], spokenNames[string(lower)]
}

// wordBefore is the word that ends before the blanks before i.
func wordBefore(t string, i int) string {
	end := i
	for end > 0 && i-end < 8 && isBlank(t[end-1]) {
		end--
	}
	start := end
	for start > 0 && end-start < longestKey && classes[t[start-1]] == word {
		start--
	}
	return t[start:end]
}

// sqlName reports whether a word is what SQL calls a way to check passwords: IDENTIFIED WITH sha256_password BY 'x'.
func sqlName(word string) bool { return len(word) > 9 && strings.HasSuffix(word, "_password") }

// spoken reads what follows the name t[from:to], and returns where it ends.
func (s *scanner) spoken(from, to int) int {
	t := s.text
	name := t[from:to]
	last, kind := spokenWord(name)
	compound := len(last) < len(name)
	if kind == otherName && strings.EqualFold(name, "key") && !s.names.Sensitive(s.phrase(from, to)) ||
		kind < directiveName && !strings.EqualFold(name, "key") && !s.names.Sensitive(name) {
		return to
	}
	line := s.lineEnd(to)
	if called(t, from, to) {
		comma := to + 1 + strings.IndexByte(t[to:line], ',')
		if start, end := spokenQuote(t, skipBlanks(t, comma, line)); start > 0 && !describes(t[start:end]) {
			s.add(start, end)
			return end
		}
		return to
	}
	i := skipBlanks(t, to, line)
	path := from
	for path > 0 && from-path < longestKey && (t[path-1] == '/' || path < from && classes[t[path-1]] == word || t[path-1] == ':' && path > 1 && t[path-2] == '/') { // put db/password x
		path--
	}
	compound = compound || path < from
	before := wordBefore(t, path)
	if strings.HasPrefix(t[i:line], "-String ") { // ConvertTo-SecureString -String 'x'
		i = skipBlanks(t, i+len("-String "), line)
	}
	if kind == otherName && (before == "enable" || strings.Contains(t[max(0, from-64):from], "username")) { // username bob secret x
		kind = directiveName
	}
	if strings.EqualFold(before, "set") && hasPrefixFold(t[i:line], "for ") { // SET PASSWORD FOR u = 'x'
		if at := strings.IndexByte(t[i:min(line, i+longestKey)], '='); at > 0 {
			i = skipBlanks(t, i+at+1, line)
			kind = directiveName
		}
	}
	if before == "sentinel" && name == "auth-pass" { // sentinel auth-pass name x
		for i < line && t[i] != ' ' {
			i++
		}
		i = skipBlanks(t, i, line)
		kind = directiveName
	}
	i, said := s.said(i, line, kind)
	if i < line && strings.IndexByte("=:?!", t[i]) >= 0 { // password = "x" is an assignment
		return to
	}
	if i == line || masked(t[i:line]) > 0 || t[i] == '\\' && !strings.HasPrefix(t[i:], `\"`) {
		return to
	}
	if start, end := spokenQuote(t, i); start > 0 {
		value := t[start:end]
		if kind > otherName || said > notSaid || compound || len(value) >= 6 && odd(value) {
			if strings.IndexByte(value, ' ') >= 0 || !describes(value) {
				s.add(start, end)
				return end
			}
		}
		return to
	}
	end := i
	form := t[to] == '+'
	for end < line && strings.IndexByte(" \t\"'`", t[end]) < 0 && (!form || t[end] != '+') {
		end++
	}
	rest := skipBlanks(t, end, line)
	if end == i+1 && '0' <= t[i] && t[i] <= '9' && rest < line && kind != identifiedName { // password 7 x: a router's way to encrypt it
		typed := rest
		for typed < line && !isBlank(t[typed]) {
			typed++
		}
		if masked(t[rest:line]) > 0 {
			return to
		}
		of := t[max(0, from-64):from]
		if typed-rest >= 6 && (kind == directiveName || odd(t[rest:typed]) || strings.Contains(of, "username") || strings.Contains(of, "neighbor")) && !describes(t[rest:typed]) {
			s.add(rest, typed)
			return typed
		}
	}
	end = i + len(strings.TrimRight(t[i:end], ".,;)"))
	value := t[i:end]
	if strings.EqualFold(last, "passphrase") && said == saidIs && isPhrase(t[i:line]) {
		s.add(i, i+len(strings.TrimRight(t[i:line], " \t.")))
		return line
	}
	if value == "" || value[0] == '-' || placeholder(value) || describes(value) {
		return to
	}
	strong := len(value) >= 6 && odd(value) || len(value) >= 16
	alone := rest == line || strings.IndexByte("\"'`;\\", t[rest]) >= 0
	var secret bool
	switch {
	case kind == identifiedName:
		secret = name == "BY" || strong
	case kind == directiveName:
		secret = true
	case said == saidIs && strings.HasSuffix(strings.TrimRight(t[:i], " "), "|"): // a table
		secret = kind == passwordName && (alone || t[rest] == '|') || compound && (alone || t[rest] == '|')
	case said == saidIs:
		secret = kind == passwordName || strong || !s.o.Prose && (alone || rest == end || t[end] == ',' || t[end] == ';' || t[end] == '.')
	case said == saidTo:
		secret = strong || kind == passwordName && !s.o.Prose && alone && settingWords[strings.ToLower(before)]
	case before == "login" || s.loginBefore(from): // machine h login u password x
		secret = kind == passwordName
	case commandWords[before] && compound:
		secret = true
	case alone && s.startsLine(from) && !s.o.Prose:
		secret = kind == passwordName && (s.lines || strong) || compound && s.lines || strong
	default:
		secret = len(value) >= 6 && odd(value) && (kind == passwordName || kind == otherName && strings.EqualFold(last, "token"))
	}
	if !secret {
		return to
	}
	s.add(i, end)
	return end
}

// isPhrase reports whether a text is several words of which all but the first say nothing about a secret.
func isPhrase(text string) bool {
	words := 0
	for word := range strings.FieldsFuncSeq(text[:min(len(text), 128)], func(r rune) bool { return r == ' ' || r == '\t' || r == '+' }) {
		words++
		if words > 1 && describes(word) {
			return false
		}
	}
	return words > 2
}

// saying is how a text goes on from a name to its value.
type saying uint8

const (
	notSaid saying = iota
	saidTo         // changed the password to x: a verb may follow, too
	saidIs
)

// said skips the words between a name and its value.
func (s *scanner) said(i, line int, kind spokenKind) (int, saying) {
	t := s.text
	how := notSaid
	for range 6 {
		for _, arrow := range [...]string{"->", "→", "|"} {
			if strings.HasPrefix(t[i:line], arrow) && (arrow != "|" || s.startsWith(i, "|")) {
				how = saidIs
				i = skipBlanks(t, i+len(arrow), line)
			}
		}
		if end := s.about(i, line); end > i {
			return end, saidIs
		}
		end := i
		for end < line && isLetter(rune(t[end])) && end-i < 12 {
			end++
		}
		if end == i || end < line && strings.IndexByte(" \t(:=+", t[end]) < 0 {
			break
		}
		next, ok := sayings[strings.ToLower(t[i:end])]
		if !ok || next == saidIs && kind == identifiedName {
			break
		}
		how = max(how, next)
		if end < line && (t[end] == ':' || t[end] == '=') {
			return skipBlanks(t, end+1, line), saidIs
		}
		i = skipBlanks(t, end, line)
	}
	return i, how
}

// about skips what a name is about, up to its value: for bob: x, of bob is x, (old): x.
func (s *scanner) about(i, line int) int {
	t := s.text
	const most = 64
	switch rest := t[i:min(line, i+most)]; {
	case strings.HasPrefix(rest, "("):
		if end := strings.Index(rest, "):"); end > 0 {
			return skipBlanks(t, i+end+len("):"), line)
		}
	case strings.HasPrefix(rest, "for") && isBlank(rest[min(3, len(rest)-1)]), strings.HasPrefix(rest, "of") && isBlank(rest[min(2, len(rest)-1)]):
		for at, words := i, 0; words < 5 && at < line; words++ {
			end := at
			for end < line && !isBlank(t[end]) && t[end] != ':' {
				end++
			}
			if words > 0 && end < line && t[end] == ':' {
				return skipBlanks(t, end+1, line)
			}
			if how := sayings[t[at:end]]; words > 1 && how == saidIs {
				if end = skipBlanks(t, end, line); end < line && t[end] == ':' {
					end++
				}
				return skipBlanks(t, end, line)
			}
			at = skipBlanks(t, end, line)
		}
	}
	return i
}

// startsWith reports whether the line that i is in starts with a text.
func (s *scanner) startsWith(i int, prefix string) bool {
	start := max(0, i-256)
	if at := strings.LastIndexByte(s.text[start:i], '\n'); at >= 0 {
		start += at + 1
	} else if start > 0 {
		return false
	}
	return strings.HasPrefix(strings.TrimLeft(s.text[start:], " \t\"\\"), prefix)
}

// sayings stand between a name and its value.
var sayings = map[string]saying{
	"is": saidIs, "was": saidIs, "are": saidIs, "equals": saidIs, "be": saidIs, "being": saidIs,
	"should": notSaid, "will": notSaid, "shall": notSaid, "called": saidIs, "now": notSaid, "still": notSaid, "currently": notSaid, "just": notSaid, "again": notSaid, "set": notSaid, "changed": notSaid, "reset": notSaid, "updated": notSaid,
	"to": saidTo, "as": saidTo, "by": saidTo, "using": saidTo, "values": saidTo, "password": notSaid,
}

// settingWords come before the name of what is set.
var settingWords = map[string]bool{"set": true, "the": true, "its": true, "my": true, "our": true, "your": true, "their": true, "new": true, "root": true, "admin": true}

// commandWords are commands and directives that a name and its value follow.
var commandWords = map[string]bool{
	"set": true, "SET": true, "--secret": true, "setenv": true, "SetEnv": true, "env": true, "ENV": true, "setx": true, "put": true, "add": true, "$": true,
	"fastcgi_param": true, "uwsgi_param": true, "proxy_set_header": true, "add_header": true, "grpc_set_header": true, "RequestHeader": true, "option": true,
}

// loginBefore reports whether the words before a name are those of netrc: login u password x.
func (s *scanner) loginBefore(from int) bool {
	user := wordBefore(s.text, from)
	at := strings.LastIndex(s.text[max(0, from-longestKey):from], user)
	if user == "" || at < 0 {
		return false
	}
	before := wordBefore(s.text, max(0, from-longestKey)+at)
	return before == "login" || before == "user" || before == "username"
}

func skipBlanks(t string, i, line int) int {
	for i < line && isBlank(t[i]) {
		i++
	}
	return i
}

// isBlank also knows the blank of a form: password+is+x.
func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '+' }

func hasPrefixFold(t, prefix string) bool {
	return len(t) >= len(prefix) && strings.EqualFold(t[:len(prefix)], prefix)
}

// spokenQuote is where the text in quotes is that starts at i: 'x', E'x', ('x'), $$x$$. A quote that is written twice is part of it.
func spokenQuote(t string, i int) (from, to int) {
	if i < len(t) && t[i] == '(' {
		i++
	}
	if i+1 < len(t) && (t[i] == 'E' || t[i] == 'N' || t[i] == 'e') && t[i+1] == '\'' {
		i++
	}
	if strings.HasPrefix(t[i:], "$$") {
		end := strings.Index(t[i+2:], "$$")
		if end < 0 {
			end = len(t) - i - 2
		}
		return i + 2, i + 2 + end
	}
	if strings.HasPrefix(t[i:], `\"`) {
		return i + 2, quotedEnd(t, i+2, `\"`)
	}
	if i == len(t) || t[i] != '"' && t[i] != '\'' && t[i] != '`' {
		return 0, 0
	}
	quote := t[i : i+1]
	for to = quotedEnd(t, i+1, quote); quote == "'" && to+1 < len(t) && t[to+1] == '\''; {
		to = quotedEnd(t, to+2, quote)
	}
	return i + 1, to
}

// placeholder reports whether a word stands for a value that is elsewhere.
func placeholder(word string) bool {
	return strings.HasPrefix(word, "${") || strings.HasPrefix(word, "$(") || strings.HasPrefix(word, "{{") || word[0] == '<' && word[len(word)-1] == '>' || strings.IndexByte("~*{[|", word[0]) >= 0 ||
		strings.Trim(word, "*") == "" || strings.Trim(word, ".") == ""
}

// describes reports whether a word says something about a secret, rather than being one.
func describes(word string) bool {
	if len(word) > 16 {
		return false
	}
	word = strings.TrimRight(word, ".,;:!?)")
	plain := true
	for i := range len(word) {
		if c := word[i]; !isLetter(rune(c)) && c != '-' && c != '\'' {
			return false
		} else if c < 'a' && i > 0 {
			plain = false
		}
	}
	lower := strings.ToLower(word)
	if describing[lower] {
		return true
	}
	if plain && len(word) >= 5 {
		for _, ending := range [...]string{"ed", "ing", "ly", "able", "tion", "tions"} {
			if strings.HasSuffix(lower, ending) {
				return true
			}
		}
	}
	return false
}

// describing are words that sentences on secrets go on with.
var describing = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`
		a an the this that these those it its is was are were be been being has have had does do did will would shall should can could cannot can't may might must
		not no none never nil null n/a na unset empty blank missing absent required optional mandatory unknown undefined valid invalid wrong right correct incorrect
		bad good ok okay fine weak strong too very so same different identical equal new old current previous next last first default custom own
		in on at of for from to into by with without within via per as if when where while until unless because since after before during about against
		and or but nor then than also only just still yet already again always once here there now today tomorrow yesterday soon later
		your my our their his her i we you they he she who which what why how one two three four five six seven eight nine ten some any all each every both many most
		more less least fewer at-least too-short short long longer shorter old weak safe unsafe secure insecure public private secret secrets token tokens
		password passwords passphrase key keys value values string strings text name names user users username account accounts login email admin root
		file files path policy policies manager store vault rotation reset change changes expiry expire expires expiration lifetime length format type field
		prompt hash hashes hashing salt auth authentication authorization provider server service client session access refresh id ids
		rotate rotates use uses error errors failure failures eof timeout status code request requests response check checks generator
		bucket ring stream parser store review leak leaks scan scanning based less free only protected protection encrypted ref reference arn
		please see ask contact got did didn't isn't wasn't won't don't doesn't open read write dial parse decode get set put context http https sql
		nowhere shown found spent used lost stolen sent seen written taken given made done built bound chosen forgotten meant worn gotten told thrown drawn
		ours theirs mine yours bearer sensitive random bits bytes limits other others like such part enough better worse same-as
		true false yes off either neither else ready broken gone back up down out over under true hidden masked redacted left
		plain cleartext base clear known kept held wo version versions grant grants flow exchange endpoint url uri issuer audience scope scopes claim claims count
		needs need lacks contains consists belongs comes goes starts ends lives stays looks seems works fails matches mismatch differs
		`) {
		m[w] = true
	}
	return m
}()

// passwordLike reports whether a name ends with a word for a password.
func passwordLike(name string) bool {
	_, kind := spokenWord(strings.TrimRight(name, "0123456789"))
	return kind == passwordName
}
