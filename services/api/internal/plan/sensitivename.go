package plan

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sensitiveWords are the names under which every string is masked. A name matches when one of its words, or two
// neighbours joined, stands here: db_password, apiKey, primary-connection-string, APIKEY.
var sensitiveWords = set(
	"password", "passwords", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens",
	"credential", "credentials", "apikey", "apikeys", "privatekey", "privatekeys", "accesskey", "accesskeys",
	"secretkey", "authkey", "accountkey", "sharedkey", "presharedkey", "psk", "signingkey", "masterkey",
	"userdata", "customdata", "connectionstring", "connectionstrings", "dsn", "kubeconfig",
)

// harmlessNames match the list but hold a setting: http_tokens says whether IMDSv2 is "required".
var harmlessNames = set("http_tokens", "httpTokens")

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// names remembers which names are sensitive: a plan has few names, each a thousand times.
type names map[string]bool

func (m names) sensitive(name []byte) bool {
	if v, ok := m[string(name)]; ok {
		return v
	}
	v := sensitiveName(string(name))
	// Names that the user makes up, such as tags, are not bounded.
	if len(m) < 1<<14 && len(name) < 256 {
		m[string(name)] = v
	}
	return v
}

func sensitiveName(name string) bool {
	if harmlessNames[name] {
		return false
	}
	before := ""
	for word := range words(name) {
		if sensitiveWords[word] || before != "" && sensitiveWords[before+word] {
			return true
		}
		before = word
	}
	return false
}

// words yields the lower-case words of a snake_case, camelCase, kebab-case or other name. A digit ends a word, so that
// password2 is one; an acronym ends before the capital that starts the next word (APIKey: api, key).
func words(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, prev := 0, rune(0)
		for i, r := range name {
			next, _ := utf8.DecodeRuneInString(name[i+utf8.RuneLen(r):])
			camel := unicode.IsUpper(r) && (unicode.IsLower(prev) || unicode.IsUpper(prev) && unicode.IsLower(next))
			switch {
			case !unicode.IsLetter(r):
				if start < i && !yield(strings.ToLower(name[start:i])) {
					return
				}
				start = i + utf8.RuneLen(r)
			case camel && start < i:
				if !yield(strings.ToLower(name[start:i])) {
					return
				}
				start = i
			}
			prev = r
		}
		if start < len(name) {
			yield(strings.ToLower(name[start:]))
		}
	}
}
