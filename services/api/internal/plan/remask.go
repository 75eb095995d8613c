package plan

import (
	"encoding/json"
	"strings"

	"github.com/driftsentry/driftsentry/pkg/redact"
)

// RulesVersion is that of the rules of redaction. A row stored with an older one is read again after an upgrade.
const RulesVersion = 2

// Again applies the present rules to the parts of a row: a resource's type, texts, and JSON documents, of which a secret in one is
// looked for in every one. It works in place, and reports whether something changed.
//
// key is DATA_KEY: an instance key that is secret is shown as its hash.
//
// A value that older rules showed is found by its name, shape or kind. What only the plan's masks showed cannot be known any
// more, but that was masked from the beginning.
func Again(key []byte, typ string, texts []string, documents []json.RawMessage) (changed bool) {
	s := newSecrets()
	short := map[string]bool{} // those that are looked for only as whole values
	s.inside.Found = func(secret string) {
		s.found(secret)
		if len(secret) < minSecret {
			short[secret] = true
		}
	}
	for i, doc := range documents {
		documents[i] = maskAttributes(typ, doc, s)
		redact.Find(string(documents[i]), &s.inside)
		changed = changed || string(documents[i]) != string(doc)
	}
	for _, text := range texts {
		redact.Find(text, &s.inside)
	}
	x := newIndex(s, map[string]bool{typ: true})
	look := redact.Options{Also: func(text string) bool { return short[text] || x.masks([]byte(text)) }}
	for i, doc := range documents {
		if found := redact.Find(string(doc), &look); found != nil {
			documents[i] = json.RawMessage(redact.Apply(string(doc), found))
			changed = true
		}
	}
	c := comparer{secrets: x, look: look, differ: differ{hash: newHasher(key)}}
	for i, text := range texts {
		plain := c.address(text)
		plain = redact.Apply(plain, redact.Find(plain, &look))
		if x.masks([]byte(plain)) {
			plain = Redacted
		}
		texts[i], changed = plain, changed || plain != text
	}
	return changed
}

// maskAttributes masks what a resource of the type keeps secret, in a state or in a difference, whose names are paths.
func maskAttributes(typ string, doc json.RawMessage, s *secrets) json.RawMessage {
	attributes := secretAttributes[typ]
	var members map[string]json.RawMessage
	if attributes == nil || json.Unmarshal(doc, &members) != nil {
		return doc
	}
	changed := false
	for name, value := range members {
		for _, attribute := range attributes {
			if name != attribute && !strings.HasPrefix(name, attribute+".") && !strings.HasPrefix(name, attribute+"[") {
				continue
			}
			t := tree{maxDepth: DefaultMaxDepth}
			n, err := t.parse([]byte(value))
			if err != nil || n.empty() {
				continue
			}
			if plain := string(value); plain != `"`+Redacted+`"` && plain != `{"expected":"[redacted]","actual":"[redacted]"}` {
				(&collector{names: newNames(), secrets: s}).all(n)
				members[name], changed = json.RawMessage(`"`+Redacted+`"`), true
				if n.field("expected") != nil && n.field("actual") != nil {
					members[name] = json.RawMessage(`{"expected":"[redacted]","actual":"[redacted]"}`)
				}
			}
		}
	}
	if !changed {
		return doc
	}
	masked, err := json.Marshal(members)
	if err != nil { // They were JSON before.
		panic("plan: " + err.Error())
	}
	return masked
}
