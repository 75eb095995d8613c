package plan

import (
	"bytes"
	"errors"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/driftsentry/driftsentry/pkg/redact"
)

// parse makes nodes of raw, and says why it cannot be stored when it cannot. What has too many values, is nested too deeply or has a
// name twice gets the nodes of its outline, and its secrets are looked for without nodes. secret says that all of it is.
func (s *scan) parse(raw jsontext.Value, secret bool) (n *node, unstorable error) {
	n, err := s.tree.parse(raw)
	if err == nil {
		return n, s.tree.unstorable
	}
	text, typ := outline(raw)
	all := secret || errors.Is(err, errDuplicate) || secretAttributes[typ] != nil || isMasked(raw)
	s.collectRaw(raw, all)
	values := bytes.Count(raw, []byte{','})
	if n, unstorable = s.tree.parse(text); unstorable != nil { // It has a few members, each once.
		panic("plan: an outline cannot be parsed: " + unstorable.Error())
	}
	s.tree.count = values
	return n, err
}

// outlined are the members of an entry, a resource or an output that its outline has; actions are those of its change.
var outlined = set("address", "previous_address", "deposed", "deposed_key", "mode", "type", "name", "provider_name", "action_reason",
	"sensitive", "change", "actions")

// maxOutlined is how many bytes one of these may have, as JSON.
const maxOutlined = 6*maxName + 2

// outline is the JSON of the names of an entry and of what is done to it, each the first time that it comes, and its type.
func outline(raw jsontext.Value) (text jsontext.Value, typ string) {
	dec := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '{' {
		return jsontext.Value("null"), ""
	}
	text = appendOutline(nil, dec)
	t := tree{maxDepth: DefaultMaxDepth, tolerant: true}
	if n, err := t.parse(text); err == nil && n.field("type").is('"') {
		typ = string(n.field("type").text)
	}
	return text, typ
}

// appendOutline writes the outline of the object that comes next, which is good JSON.
func appendOutline(b []byte, dec *jsontext.Decoder) []byte {
	known := map[string]bool{}
	_, _ = dec.ReadToken()
	b = append(b, '{')
	for dec.PeekKind() == '"' {
		token, _ := dec.ReadToken()
		name := token.String()
		if !outlined[name] || known[name] {
			_ = dec.SkipValue()
			continue
		}
		known[name] = true
		b = appendName(b, []byte(name), len(known) > 1)
		if dec.PeekKind() == '{' && name == "change" {
			b = appendOutline(b, dec)
			continue
		}
		v, err := dec.ReadValue()
		if k := v.Kind(); err != nil || len(v) > maxOutlined || k == '{' || k == '[' && (name != "actions" || bytes.Count(v, []byte{'['}) > 1) {
			v = jsontext.Value("null")
		}
		b = append(b, v...)
	}
	_, _ = dec.ReadToken()
	return append(b, '}')
}

// collectRaw looks for the secrets of a value without nodes. all says that each of its strings is one.
func (s *scan) collectRaw(raw []byte, all bool) {
	if !all {
		redact.Find(view(raw), &s.secrets.inside)
		return
	}
	for t := range tokens(raw) {
		if !t.name && t.quoted != nil {
			s.secrets.add(t.text())
		}
	}
}

// maskNames are the members of entries, resources and outputs that say what is sensitive.
var maskNames = set("before_sensitive", "after_sensitive", "sensitive_values", "sensitive")

// isMasked reports whether a mask in raw covers something, or may do so.
func isMasked(raw []byte) bool {
	const followed = 400 // so deep, and more, does package redact follow it
	mask := 0            // how deep the mask is that is being read
	for t := range tokens(raw) {
		switch {
		case t.depth > followed:
			return true
		case t.name && (mask == 0 || t.depth <= mask):
			mask = 0
			if maskNames[string(t.text())] {
				mask = t.depth
			}
		case t.quoted == nil && mask > 0:
			return true
		}
	}
	return false
}

// token is a string, or a true.
type token struct {
	quoted []byte // nil for a true
	name   bool   // of a member
	depth  int
}

func (t *token) text() []byte {
	text, err := jsontext.AppendUnquote(nil, t.quoted)
	if err != nil { // It is good JSON.
		panic("plan: " + err.Error())
	}
	return text
}

// tokens yields the strings and trues of good JSON.
func tokens(raw []byte) iter.Seq[token] {
	return func(yield func(token) bool) {
		depth := 0
		for i := 0; i < len(raw); i++ {
			t := token{depth: depth}
			switch raw[i] {
			case '{', '[':
				depth++
				continue
			case '}', ']':
				depth--
				continue
			case 't':
			case '"':
				end := i + 1
				for ; raw[end] != '"'; end++ {
					if raw[end] == '\\' {
						end++
					}
				}
				t.quoted = raw[i : end+1]
				i = end
				t.name = bytes.HasPrefix(bytes.TrimLeft(raw[i+1:], " \t\r\n"), []byte{':'})
			default:
				continue
			}
			if !yield(t) {
				return
			}
		}
	}
}
