package redaction

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
)

const redacted = "[redacted]"

// sensitiveTerms are the keys whose values are masked: alone, or as whole words
// of a longer key in any spelling (db.password, clientSecret, X-API-Key).
var sensitiveTerms = []string{
	"password", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens",
	"authorization", "cookie", "cookies", "credential", "credentials", "dsn",
	"apikey", "api_key", "private_key", "access_key", "secret_key", "signing_key", "encryption_key", "connection_string",
}

// Shapes of secrets that give themselves away in any text. Each is looked for
// only when its hint is in the text, since most texts have none.
var secretShapes = []shape{
	{hint: "eyJ", pattern: regexp.MustCompile(`eyJ[\w-]{5,}\.[\w-]{5,}(\.[\w-]*)?`), mask: redacted},
	{hint: "earer ", pattern: regexp.MustCompile(`([Bb]earer\s+)[\w.~+/=-]{8,}`), mask: "${1}" + redacted},
	{hint: "EARER ", pattern: regexp.MustCompile(`(BEARER\s+)[\w.~+/=-]{8,}`), mask: "${1}" + redacted},
	{hint: "://", pattern: regexp.MustCompile(`(://[^\s:/@]*):[^\s/?#]+@`), mask: "${1}:" + redacted + "@"},
	{hint: "PRIVATE KEY-----", pattern: regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`), mask: redacted},
}

type shape struct {
	hint    string
	pattern *regexp.Regexp
	mask    string
}

// Redactor masks secrets in log and span attributes, by key and by shape.
type Redactor struct {
	terms  []string
	shapes []shape

	// keys remembers the verdict on each key. Keys come from the code, nearly
	// always, so they are few; those of logged maps are why there is a bound.
	keys  sync.Map
	known atomic.Int32
}

const maxKnownKeys = 4096

// New makes a redactor that also masks these keys, and what matches these regular
// expressions.
func New(keys, patterns []string) (*Redactor, error) {
	r := &Redactor{shapes: slices.Clip(secretShapes)}
	for _, term := range slices.Concat(sensitiveTerms, keys) {
		r.terms = append(r.terms, words(term))
	}
	for _, p := range patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("redaction pattern: %w", err)
		}
		r.shapes = append(r.shapes, shape{hint: hintOf(p), pattern: re, mask: redacted})
	}
	return r, nil
}

// hintOf is what every text has that the pattern matches, "" when there is no such thing to be seen. A word boundary before
// it takes no characters, so it is looked past.
func hintOf(pattern string) string {
	re, err := regexp.Compile(strings.TrimPrefix(pattern, `\b`))
	if err != nil {
		return ""
	}
	hint, _ := re.LiteralPrefix()
	return hint
}

// key reports whether values under this key are masked.
func (r *Redactor) key(key string) bool {
	if verdict, ok := r.keys.Load(key); ok {
		return verdict.(bool)
	}
	spelled := words(key)
	verdict := false
	for _, term := range r.terms {
		if strings.Contains(spelled, term) {
			verdict = true
			break
		}
	}
	if r.known.Load() < maxKnownKeys {
		r.known.Add(1)
		r.keys.Store(strings.Clone(key), verdict)
	}
	return verdict
}

// words spells a key as its lower-case words between underscores, so that a
// term is found as whole words: "X-API-Key" and "xApiKey" are both "_x_api_key_".
func words(key string) string {
	b := make([]rune, 0, len(key)+8)
	b = append(b, '_')
	var last rune
	for _, r := range key {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = '_'
		case unicode.IsUpper(r) && unicode.IsLower(last):
			b = append(b, '_')
		}
		if r != '_' || b[len(b)-1] != '_' {
			b = append(b, unicode.ToLower(r))
		}
		last = r
	}
	if b[len(b)-1] != '_' {
		b = append(b, '_')
	}
	return string(b)
}

// Text masks the secrets in a text that show by their shape or by an
// assignment to a sensitive key, and makes it valid UTF-8: one invalid string
// would cost its whole OTLP batch.
func (r *Redactor) Text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	for _, shape := range r.shapes {
		if strings.Contains(s, shape.hint) {
			s = shape.pattern.ReplaceAllString(s, shape.mask)
		}
	}
	if strings.ContainsAny(s, `=:`) {
		s = r.assignments(s)
	}
	return s
}

// assignments masks what stands after key= (a query or a DSN) and "key": (JSON)
// for each sensitive key. Prose such as "read token: EOF" stays.
func (r *Redactor) assignments(s string) string {
	for i := 0; i < len(s); i++ {
		end := i
		switch {
		case s[i] == '=':
		case s[i] == ':' && i > 0 && s[i-1] == '"':
			end--
			if end > 0 && s[end-1] == '\\' {
				end-- // JSON within JSON
			}
		default:
			continue
		}
		start := end
		for start > 0 && end-start < 64 && keyByte(s[start-1]) {
			start--
		}
		if start == end || !r.key(s[start:end]) {
			continue
		}
		from, to := valueAfter(s, i+1)
		if from < to && !strings.HasPrefix(s[from:], redacted) {
			s = s[:from] + redacted + s[to:]
			i = from + len(redacted) - 1
		}
	}
	return s
}

// valueAfter finds the value that starts at i: quoted, or up to a separator.
func valueAfter(s string, i int) (from, to int) {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	for _, quote := range []string{`\"`, `"`, `'`} {
		if strings.HasPrefix(s[i:], quote) {
			from = i + len(quote)
			for to = from; to < len(s) && !strings.HasPrefix(s[to:], quote); to++ {
				if s[to] == '\\' {
					to++ // what is escaped does not end the value
				}
			}
			return from, min(to, len(s))
		}
	}
	if n := strings.IndexAny(s[i:], " \t\r\n&;,}])\"'"); n >= 0 {
		return i, i + n
	}
	return i, len(s)
}

func keyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}
