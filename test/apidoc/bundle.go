package apidoc

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const (
	foreign = "./asyncapi.yaml#/components/schemas/"
	local   = "#/components/schemas/"
)

// bundle copies the schemas of the other document to which open refers into it. A schema that both have by the same name
// must mean the same.
func bundle(open, async *object) error {
	for _, key := range slices.Clone(open.keys) {
		if strings.HasPrefix(key, "x-") {
			open.remove(key) // They are there for YAML's anchors.
		}
	}
	b := bundler{from: async.object("components", "schemas"), to: open.object("components", "schemas")}
	if err := b.adopt(open, foreign); err != nil {
		return err
	}
	open.set("servers", []any{describedServer("/", "Where this document came from.")})
	return nil
}

func describedServer(url, description string) *object {
	server := newObject()
	server.set("url", url)
	server.set("description", description)
	return server
}

type bundler struct{ from, to *object }

// adopt makes every reference that begins with prefix a local one.
func (b bundler) adopt(value any, prefix string) error {
	switch value := value.(type) {
	case *object:
		for _, key := range value.keys {
			if text, ok := value.values[key].(string); ok {
				if name, ok := strings.CutPrefix(text, prefix); ok {
					if err := b.copy(name); err != nil {
						return err
					}
					value.values[key] = local + name
				}
				continue
			}
			if err := b.adopt(value.values[key], prefix); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range value {
			if err := b.adopt(item, prefix); err != nil {
				return err
			}
		}
	}
	return nil
}

// copy copies one schema, and those that it refers to.
func (b bundler) copy(name string) error {
	schema := b.from.object(name)
	if schema == nil {
		return fmt.Errorf("asyncapi.yaml has no schema %s", name)
	}
	if there := b.to.object(name); there != nil {
		if there != schema && !bytes.Equal(encode(meaning(there)), encode(meaning(schema))) {
			return fmt.Errorf("asyncapi.yaml has another schema %s: make them the same, or give one another name", name)
		}
		return nil
	}
	b.to.set(name, schema)
	return b.adopt(schema, local)
}

// meaning is a schema without what is only for readers.
func meaning(schema *object) *object {
	m := newObject()
	for _, key := range slices.Sorted(slices.Values(schema.keys)) {
		if key != "title" && key != "description" && key != "examples" {
			m.set(key, schema.values[key])
		}
	}
	return m
}
