package redaction

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/driftsentry/driftsentry/pkg/redact"
)

const redacted = redact.Mask

// shape is a configured pattern. It is looked for only when its hint is in the text, since most texts have none.
type shape struct {
	hint    string
	pattern *regexp.Regexp
}

// Redactor masks secrets in log and span attributes, by key and by shape.
type Redactor struct {
	options redact.Options
	shapes  []shape

	// keys remembers the verdict on each key. Keys come from the code, nearly
	// always, so they are few; those of logged maps are why there is a bound.
	keys  sync.Map
	known atomic.Int32
	// clean remembers texts of the code that have no secret in them, such as
	// statements and routes, with the same bound.
	clean      sync.Map
	knownClean atomic.Int32
}

const (
	maxKnown       = 4096
	maxCleanLength = 4096 // bytes; longer texts are looked through each time
)

// fromCode are the keys whose texts come from the code, so that there are few.
var fromCode = map[string]bool{
	"db.operation.name": true, "db.query.summary": true, "db.query.text": true, "db.system.name": true, "http.request.method": true,
	"http.route": true, "network.protocol.version": true, "url.scheme": true, "method": true, "role": true, "route": true,
}

// New makes a redactor that also masks these keys, and what matches these regular
// expressions.
func New(keys, patterns []string) (*Redactor, error) {
	r := &Redactor{options: redact.Options{Names: redact.NewNames(keys...), Prose: true}}
	for _, p := range patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("redaction pattern: %w", err)
		}
		r.shapes = append(r.shapes, shape{hint: hintOf(p), pattern: re})
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
	verdict := r.options.Names.Sensitive(key)
	if r.known.Load() < maxKnown {
		r.known.Add(1)
		r.keys.Store(strings.Clone(key), verdict)
	}
	return verdict
}

// Under masks the secrets in a text that stands under this key.
func (r *Redactor) Under(key, s string) string {
	if fromCode[key] {
		return r.Code(s)
	}
	return r.Text(s)
}

// Code is Text for a text that comes from the code, nearly always: one without
// secrets is looked through only once.
func (r *Redactor) Code(s string) string {
	if _, ok := r.clean.Load(s); ok {
		return s
	}
	masked := r.Text(s)
	if masked == s && len(s) <= maxCleanLength && r.knownClean.Load() < maxKnown {
		r.knownClean.Add(1)
		r.clean.Store(strings.Clone(s), nil)
	}
	return masked
}

// Text masks the secrets in a text and makes it valid UTF-8: one invalid string would cost its whole OTLP batch.
func (r *Redactor) Text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = redact.Apply(s, redact.Find(s, &r.options))
	for _, shape := range r.shapes {
		if strings.Contains(s, shape.hint) {
			s = shape.pattern.ReplaceAllLiteralString(s, redacted)
		}
	}
	return s
}
