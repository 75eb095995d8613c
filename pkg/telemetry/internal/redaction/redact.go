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
}

const maxKnownKeys = 4096

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
	if r.known.Load() < maxKnownKeys {
		r.known.Add(1)
		r.keys.Store(strings.Clone(key), verdict)
	}
	return verdict
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
