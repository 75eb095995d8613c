package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/driftsentry/driftsentry/testkit/checkout"
)

const (
	openAPIFile  = "openapi.yaml"
	asyncAPIFile = "asyncapi.yaml"
)

// documents is both documents, read and compiled.
type documents struct {
	operations []*operation
	unrouted   map[int]*response // responses to requests without an operation
	frames     map[Direction]map[string]*jsonschema.Schema
}

// load reads the documents once per process; a test binary runs in its package's directory.
var load = sync.OnceValues(func() (*documents, error) {
	dir, err := findDocuments()
	if err != nil {
		return nil, err
	}
	return read(dir)
})

// findDocuments returns the folder of the documents.
func findDocuments() (string, error) {
	root, err := checkout.Root()
	if err != nil {
		return "", fmt.Errorf("find the API documents: %w", err)
	}
	return filepath.Join(root, "docs", "api"), nil
}

// read compiles the documents of a directory.
func read(dir string) (*documents, error) {
	c := compiler{jsonschema.NewCompiler()}
	c.AssertFormat()
	open, err := c.add(dir, openAPIFile)
	if err != nil {
		return nil, err
	}
	async, err := c.add(dir, asyncAPIFile)
	if err != nil {
		return nil, err
	}
	d := &documents{}
	if err := d.readOperations(c, open); err != nil {
		return nil, fmt.Errorf("%s: %w", openAPIFile, err)
	}
	if err := d.readFrames(c, async); err != nil {
		return nil, fmt.Errorf("%s: %w", asyncAPIFile, err)
	}
	return d, nil
}

type compiler struct{ *jsonschema.Compiler }

// The documents refer to each other by file name, so they share a made-up base.
const base = "spec:///"

// add reads a document and makes its schemas known.
func (c compiler) add(dir, file string) (node, error) {
	value, err := readYAML(filepath.Join(dir, file))
	if err != nil {
		return node{}, err
	}
	if err := c.AddResource(base+file, value); err != nil {
		return node{}, fmt.Errorf("%s: %w", file, err)
	}
	return node{file: file, root: value, value: value}, nil
}

// schema compiles the schema at n.
func (c compiler) schema(n node) (*jsonschema.Schema, error) {
	schema, err := c.Compile(base + n.file + "#" + (&url.URL{Fragment: n.pointer}).EscapedFragment())
	if err != nil {
		return nil, fmt.Errorf("schema at %s: %w", n.pointer, err)
	}
	return schema, nil
}

// readYAML returns a document with the types of a JSON decoder.
func readYAML(path string) (any, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read an API document: %w", err)
	}
	var document any
	if err := yaml.Unmarshal(source, &document); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	encoded, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
}

// node is a place in a document, known by its JSON pointer, so that a schema can be compiled where it stands.
type node struct {
	file    string
	root    any
	pointer string
	value   any
}

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// child goes one step down; a missing child has a nil value. References are followed before the step, never after it,
// because a schema may have other keywords beside a $ref.
func (n node) child(key string) node {
	n = n.resolve()
	n.pointer += "/" + escapePointer.Replace(key)
	object, _ := n.value.(map[string]any)
	n.value = object[key]
	return n
}

// at goes several steps down.
func (n node) at(keys ...string) node {
	for _, key := range keys {
		n = n.child(key)
	}
	return n
}

// resolve follows a $ref within the document.
func (n node) resolve() node {
	for {
		object, _ := n.value.(map[string]any)
		ref, ok := object["$ref"].(string)
		pointer, local := strings.CutPrefix(ref, "#/")
		if !ok || !local {
			return n
		}
		target := node{file: n.file, root: n.root, value: n.root}
		for step := range strings.SplitSeq(pointer, "/") {
			step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
			object, _ := target.value.(map[string]any)
			target.pointer += "/" + escapePointer.Replace(step)
			target.value = object[step]
		}
		n = target
	}
}

func (n node) exists() bool { return n.value != nil }

// object returns the members of n, references followed.
func (n node) object() map[string]any {
	object, _ := n.resolve().value.(map[string]any)
	return object
}

// items returns the elements of n.
func (n node) items() []node {
	n = n.resolve()
	list, _ := n.value.([]any)
	nodes := make([]node, len(list))
	for i, value := range list {
		nodes[i] = node{file: n.file, root: n.root, pointer: fmt.Sprintf("%s/%d", n.pointer, i), value: value}
	}
	return nodes
}

// strings returns the elements of n that are strings.
func (n node) strings() []string {
	var list []string
	for _, item := range n.items() {
		if s, ok := item.value.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

func (n node) string() string {
	s, _ := n.value.(string)
	return s
}

func (n node) bool() bool {
	b, _ := n.value.(bool)
	return b
}
