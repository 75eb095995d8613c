package redact

import (
	"bytes"
	"strings"
)

// start is something that a run of word bytes may start with.
type start struct {
	prefix string
	kind   startKind
	least  int // bytes of a token after its prefix
}

type startKind uint8

const (
	tokenStart  startKind = iota
	schemeStart           // of an Authorization value
	toolStart             // a program that takes a secret in a short flag
	dashStart             // a flag, or a PEM block
)

// tokens start with what their issuers made recognisable.
//
//nolint:gosec // G101: these are only how they start.
const tokens = `
	AKIA ASIA ABIA ACCA LTAI
	ghp_ gho_ ghs_ ghu_ ghr_ github_pat_
	glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glagent- glimt- gloas-
	xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xapp- sk_live_ rk_live_ sk_test_ rk_test_ whsec_
	AIza GOCSPX- ya29. hvs. hvb. hvr. dop_v1_ doo_v1_ dor_v1_ npm_ pypi- SG. sk-ant- sk-proj- sk-svcacct-
	shpat_ shpss_ shpca_ shppa_ dapi glc_ glsa_ NRAK- lin_api_ dckr_pat_ dckr_oat_ ATATT3 ATCTT3 AGE-SECRET-KEY-1 PMAK- pul-
	rubygems_ sntrys_ sntryu_ dp.pt. dp.st. dp.sa. figd_ hf_ tskey- CFPAT- ops_eyJ xkeysib- sq0atp- sq0csp- EZAK rnd_ fo1_ tfp_ v1.0-`

const leastToken = 16

var (
	starts     [1 << 16 / 64]uint64 // a bit for each two bytes that something starts with
	startLists = [][]start{nil}     // what starts with two bytes, of which there are fewer than 256
	startList  [1 << 16]uint8       // which list
)

func init() {
	register := func(kind startKind, least int, prefixes ...string) {
		for _, p := range prefixes {
			key := uint16(p[0])<<8 | uint16(p[1])
			starts[key/64] |= 1 << (key % 64)
			list := &startList[key]
			if *list == 0 {
				*list = uint8(len(startLists)) //nolint:gosec // G115: see startLists
				startLists = append(startLists, nil)
			}
			startLists[*list] = append(startLists[*list], start{p, kind, least})
		}
	}
	register(tokenStart, leastToken, strings.Fields(tokens)...)
	register(schemeStart, 0, "Bearer", "bearer", "BEARER", "Basic", "basic", "BASIC")
	register(toolStart, 0, "mysql", "mariadb", "sshpass", "redis-cli", "curl", "wget", "docker", "ldapsearch", "ldapmodify", "ldapadd", "useradd", "usermod", "sqlcmd", "chpasswd", "mongo", "zip", "7z",
		"az", "gh", "doctl", "openssl", "sqlplus", "vault")
	register(dashStart, 0, "--")
	for c := range 26 {
		register(dashStart, 0, "-"+string(rune('a'+c)), "-"+string(rune('A'+c)))
	}
}

func isStart(a, b byte) bool {
	key := uint16(a)<<8 | uint16(b)
	return starts[key/64]&(1<<(key%64)) != 0
}

// mayStart reports whether something starts with these bytes.
func mayStart(t string) bool {
	for _, p := range startLists[startList[uint16(t[0])<<8|uint16(t[1])]] {
		if strings.HasPrefix(t, p.prefix) {
			return true
		}
	}
	return false
}

// start reads what starts at i and returns its end; i when it is nothing.
func (s *scanner) start(i int) int {
	t := s.text
	for _, p := range startLists[startList[uint16(t[i])<<8|uint16(t[i+1])]] {
		if !strings.HasPrefix(t[i:], p.prefix) {
			continue
		}
		end := i + len(p.prefix)
		switch p.kind {
		case tokenStart:
			if to := tokenEnd(t, end); to-end >= p.least {
				s.aws = s.aws || p.prefix == "AKIA" || p.prefix == "ASIA"
				s.add(i, to)
				return to
			}
		case schemeStart:
			if from, to, ok := schemeValue(t, i, end); ok {
				s.add(from, to)
				return to
			}
		case toolStart:
			if (end == len(t) || classes[t[end]] != word || p.prefix[0] == 'm') && (i == 0 || strings.IndexByte("= \t\n/(;|&\"'`", t[i-1]) >= 0) {
				s.tool = p.prefix
				if p.prefix == "sqlplus" || p.prefix == "chpasswd" {
					s.accounts(i, p.prefix)
				}
			}
			return i
		case dashStart:
			return s.dash(i)
		}
	}
	return i
}

// tokenEnd is where the token bytes from i end. A dot at the end is the sentence's.
func tokenEnd(t string, i int) int {
	for i < len(t) && (classes[t[i]] == word || t[i] == '.' && i+1 < len(t) && classes[t[i+1]] == word) {
		i++
	}
	return i
}

// schemeValue is the credential of an Authorization value, whose scheme ends at end.
func schemeValue(t string, i, end int) (from, to int, ok bool) {
	from = end
	for from < len(t) && (t[from] == ' ' || t[from] == '\t') {
		from++
	}
	if strings.HasPrefix(t[from:], "%20") {
		from += len("%20")
	}
	if from == end {
		return 0, 0, false
	}
	to = from
	for to < len(t) && (classes[t[to]] == word || strings.IndexByte(".~+/=", t[to]) >= 0) {
		to++
	}
	value := t[from:to]
	if t[i]|0x20 == 'b' && t[i+1]|0x20 == 'a' {
		var room [64]byte
		plain := AppendBase64(room[:0], value, cap(room))
		user := bytes.IndexByte(plain, ':')
		return from, to, user >= 0 && isText(string(plain[:user]))
	}
	return from, to, len(value) >= 8
}

// dash reads a flag, or a PEM block that holds a private key.
func (s *scanner) dash(i int) int {
	t := s.text
	if strings.HasPrefix(t[i:], "-----BEGIN ") {
		if label := t[i:min(len(t), i+64)]; strings.Contains(label, "PRIVATE KEY") {
			end := len(t)
			if at := strings.Index(t[i:], "-----END "); at >= 0 {
				end = i + at + len("-----END ")
				if dashes := strings.Index(t[end:min(len(t), end+64)], "-----"); dashes >= 0 {
					end += dashes + len("-----")
				}
			}
			s.add(i, end)
			return end
		}
		return i
	}
	if i > 0 && strings.IndexByte(" \t\n\"'`(,[", t[i-1]) < 0 {
		return i
	}
	end := i
	for end < len(t) && (classes[t[end]] == word || t[end] == '.') {
		end++
	}
	if end == len(t) && !s.attached(i, end) {
		return i
	}
	switch flag := t[i:end]; {
	case s.attached(i, end): // mysql -pSECRET
		from := i + 2
		to := s.argument(from)
		s.add(from, to)
		return to
	case (t[end] == '\'' || t[end] == '"' || strings.HasPrefix(t[end:], `\"`)) && len(flag) == 2 && flag[1] == 'p' && strings.HasPrefix(s.tool, "m"): // mysql -p'x'
		from, to := spokenQuote(t, end)
		s.add(from, to)
		return to
	case t[end] == ' ' && (len(flag) > 3 && s.names.Sensitive(Flag(flag, false)) || s.separate(flag)):
		from := end
		for from < len(t) && t[from] == ' ' {
			from++
		}
		if from < len(t) && (t[from] == '"' || t[from] == '\'') {
			from++
			to := strings.IndexByte(t[from:], t[from-1])
			if to < 0 {
				to = len(t) - from
			}
			s.flagValue(flag, from, from+to)
			return from + to
		}
		to := s.argument(from)
		if from == to || t[from] == '-' || proseWords[t[from:to]] {
			return end
		}
		s.flagValue(flag, from, to)
		return to
	}
	return i
}

// flagValue adds what follows a flag. After curl's -u only the password is secret.
func (s *scanner) flagValue(flag string, from, to int) {
	if flag == "-u" || flag == "--user" {
		at := strings.IndexByte(s.text[from:to], ':')
		if at < 0 {
			return
		}
		from += at + 1
	}
	s.add(from, to)
}

// accounts masks the password of what the tool at i takes: sqlplus user/x@h, or the line of echo user:x | chpasswd.
func (s *scanner) accounts(i int, tool string) {
	line := s.lineEnd(i)
	sign := byte('/')
	start := i + len(tool)
	if tool == "chpasswd" {
		sign = ':'
		if at := strings.LastIndexByte(s.text[max(0, i-256):i], '\n'); at < 0 {
			start = max(0, i-256)
		} else {
			start = max(0, i-256) + at + 1
		}
	}
	for at := start; at < min(line, start+512); {
		n := strings.IndexByte(s.text[at:line], sign)
		if n < 1 {
			return
		}
		at += n + 1
		if classes[s.text[at-2]] == word && !strings.HasPrefix(s.text[at:], "//") {
			end := at
			for end < line && strings.IndexByte(" \t\"'\\@|", s.text[end]) < 0 {
				end++
			}
			s.add(at, end)
			return
		}
	}
}

// argument is where the argument of a command line ends that starts at i.
func (s *scanner) argument(i int) int {
	for i < len(s.text) && strings.IndexByte(" \t\r\n\"'`,", s.text[i]) < 0 {
		i++
	}
	return i
}

// attached reports whether the flag has its value without a space, as mysql wants it. Other programs' flags that start
// with p are safe, since the tool is known.
func (s *scanner) attached(from, to int) bool {
	return to-from > 2 && s.text[from+1] == 'p' && (s.tool == "mysql" || s.tool == "mariadb" || s.tool == "sshpass" || s.tool == "7z")
}

// separate reports whether the tool takes a secret after this short flag.
func (s *scanner) separate(flag string) bool {
	switch s.tool {
	case "sshpass", "docker", "useradd", "usermod":
		return flag == "-p"
	case "redis-cli":
		return flag == "-a"
	case "curl", "wget":
		return flag == "-u" || flag == "--user"
	case "mongo":
		return flag == "-p"
	case "az":
		return flag == "-p"
	case "zip":
		return flag == "-P"
	case "gh":
		return flag == "-b" || flag == "--body"
	case "doctl":
		return flag == "-t"
	case "openssl":
		return flag == "-k" || flag == "-K"
	case "ldapsearch", "ldapmodify", "ldapadd":
		return flag == "-w"
	case "sqlcmd":
		return flag == "-P"
	}
	return false
}

// proseWords follow the name of a flag in a sentence.
var proseWords = map[string]bool{"is": true, "are": true, "was": true, "must": true, "to": true, "or": true, "and": true, "for": true, "not": true, "flag": true, "option": true, "cannot": true, "has": true}

// awsKeys adds what has the shape of a secret access key: 40 bytes of base64.
func (s *scanner) awsKeys() {
	t := s.text
	base := func(c byte) bool { return classes[c] == word && c != '_' && c != '-' || c == '/' || c == '+' }
	for i := 0; i < len(t); {
		start := i
		for i < len(t) && base(t[i]) {
			i++
		}
		if i-start == 40 {
			s.add(start, i)
		}
		i++
	}
}
