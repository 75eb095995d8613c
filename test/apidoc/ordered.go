package apidoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// object is a JSON object that keeps the order of the document, which is an order for readers.
type object struct {
	keys   []string
	values map[string]any
}

func newObject() *object { return &object{values: map[string]any{}} }

func (o *object) set(key string, value any) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

func (o *object) remove(key string) {
	delete(o.values, key)
	o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
}

// at goes down by keys; nil when nothing is there. A nil object has nothing.
func (o *object) at(keys ...string) any {
	var value any = o
	for _, key := range keys {
		in, ok := value.(*object)
		if !ok || in == nil {
			return nil
		}
		value = in.values[key]
	}
	return value
}

func (o *object) object(keys ...string) *object {
	in, _ := o.at(keys...).(*object)
	return in
}

func (o *object) list(keys ...string) []any {
	in, _ := o.at(keys...).([]any)
	return in
}

func (o *object) text(keys ...string) string {
	in, _ := o.at(keys...).(string)
	return in
}

// each goes through the members in order.
func (o *object) each(visit func(key string, value any)) {
	if o == nil {
		return
	}
	for _, key := range o.keys {
		visit(key, o.values[key])
	}
}

// ordered is the value of a YAML node. What an anchor names is there once for each alias.
func ordered(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.DocumentNode:
		return ordered(n.Content[0])
	case yaml.AliasNode:
		return ordered(n.Alias)
	case yaml.MappingNode:
		o := newObject()
		for i := 0; i < len(n.Content); i += 2 {
			value, err := ordered(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			o.set(n.Content[i].Value, value)
		}
		return o, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			value, err := ordered(item)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case yaml.ScalarNode:
		var value any
		if err := n.Decode(&value); err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Line, err)
		}
		switch value.(type) {
		case nil, string, bool, int, float64:
			return value, nil
		}
		return nil, fmt.Errorf("line %d: quote %s, which YAML takes for a %T", n.Line, n.Value, value)
	}
	return nil, fmt.Errorf("line %d: an unknown kind of node", n.Line)
}

// encode writes a value as JSON, indented by one space: the file is read by programs, and compared by people.
func encode(value any) []byte {
	var b bytes.Buffer
	write(&b, value, "\n")
	b.WriteByte('\n')
	return b.Bytes()
}

func write(b *bytes.Buffer, value any, line string) {
	switch value := value.(type) {
	case *object:
		b.WriteByte('{')
		for i, key := range value.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(line + " ")
			write(b, key, "")
			b.WriteString(": ")
			write(b, value.values[key], line+" ")
		}
		if len(value.keys) > 0 {
			b.WriteString(line)
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, item := range value {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(line + " ")
			write(b, item, line+" ")
		}
		if len(value) > 0 {
			b.WriteString(line)
		}
		b.WriteByte(']')
	default:
		var text strings.Builder
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(value); err != nil {
			panic(err) // It is a scalar of a document.
		}
		b.WriteString(strings.TrimSuffix(text.String(), "\n"))
	}
}
