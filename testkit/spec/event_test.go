package spec

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// TestEventTypes compares the types of events in docs/api/asyncapi.yaml with the constants of package event, which api uses,
// and of package client.
func TestEventTypes(t *testing.T) {
	dir, err := findDocuments()
	if err != nil {
		t.Fatal(err)
	}
	value, err := readYAML(filepath.Join(dir, asyncAPIFile))
	if err != nil {
		t.Fatal(err)
	}
	root := node{file: asyncAPIFile, root: value, value: value}
	var documented []string
	for _, event := range root.at("components", "schemas", "Event", "oneOf").items() {
		for _, part := range event.child("allOf").items() {
			if name := part.at("properties", "type", "const").string(); name != "" {
				documented = append(documented, name)
			}
		}
	}
	mapping := source(t, openAPIFile).at("components", "schemas", "Event", "discriminator", "mapping").object()
	if got, want := slices.Sorted(maps.Keys(mapping)), slices.Sorted(slices.Values(documented)); !slices.Equal(got, want) {
		t.Errorf("Event in openapi.yaml maps %v; Event in asyncapi.yaml has %v", got, want)
	}
	for file, name := range map[string]string{"pkg/event/event.go": "Type", "client/event.go": "EventType"} {
		constants := constantsOf(t, filepath.Join(dir, "..", "..", file), name)
		if len(constants) == 0 {
			t.Errorf("%s has no constants of the type %s", file, name)
		}
		for _, c := range constants {
			if !slices.Contains(documented, c) {
				t.Errorf("docs/api/asyncapi.yaml lacks the event type %s of %s: add a schema for it, and name that in Event and in the Event of openapi.yaml", c, file)
			}
		}
		for _, d := range documented {
			if !slices.Contains(constants, d) {
				t.Errorf("%s lacks the event type %s of docs/api/asyncapi.yaml: add a constant", file, d)
			}
		}
	}
}

// constantsOf returns the values of a file's string constants of a type.
func constantsOf(t *testing.T, file, name string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if c, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := c.Type.(*ast.Ident); ok && kind.Name == name {
				for _, v := range c.Values {
					if text, ok := v.(*ast.BasicLit); ok {
						value, err := strconv.Unquote(text.Value)
						if err != nil {
							t.Fatal(err)
						}
						values = append(values, value)
					}
				}
			}
		}
		return true
	})
	return values
}
