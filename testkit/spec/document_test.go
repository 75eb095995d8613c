package spec

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// source reads one of the documents in docs/api.
func source(t *testing.T, file string) node {
	t.Helper()
	dir, err := findDocuments()
	if err != nil {
		t.Fatal(err)
	}
	value, err := readYAML(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return node{file: file, root: value, value: value}
}

func TestDocuments_are_valid(t *testing.T) {
	for file, meta := range map[string]string{openAPIFile: "openapi-3.1.json", asyncAPIFile: "asyncapi-3.0.0.json.gz"} {
		t.Run(file, func(t *testing.T) {
			c := jsonschema.NewCompiler()
			c.AssertFormat()
			if err := c.AddResource("meta.json", readSchema(t, meta)); err != nil {
				t.Fatal(err)
			}
			schema, err := c.Compile("meta.json")
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(source(t, file).value); err != nil {
				t.Error(err)
			}
		})
	}
}

func readSchema(t *testing.T, file string) any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(file, ".gz") {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	value, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Every example is an instance of its schema, and every reference has a target.
func TestDocuments_ExamplesAndReferences(t *testing.T) {
	documents := map[string]node{openAPIFile: source(t, openAPIFile), asyncAPIFile: source(t, asyncAPIFile)}
	c := compiler{jsonschema.NewCompiler()}
	c.AssertFormat()
	for file, document := range documents {
		if err := c.AddResource(base+file, document.value); err != nil {
			t.Fatal(err)
		}
	}
	used := map[string]bool{}
	for file, document := range documents {
		examples := 0
		walk(document, func(n node) {
			if ref, ok := n.value.(map[string]any)["$ref"].(string); ok {
				target, pointer, _ := strings.Cut(ref, "#")
				if target = filepath.Base(target); target == "." {
					target = file
				}
				used[target+pointer] = true
				if !lookup(documents[target], pointer).exists() {
					t.Errorf("%s%s: nothing is at %s", file, n.pointer, ref)
				}
			}
			for _, e := range examplesOf(n) {
				examples++
				schema, err := c.schema(e.schema)
				if err != nil {
					t.Errorf("%s%s: %v", file, n.pointer, err)
					continue
				}
				if err := schema.Validate(e.value); err != nil {
					t.Errorf("%s%s: the example is not valid: %v", file, n.pointer, plain(err))
				}
			}
		})
		if examples == 0 {
			t.Errorf("%s: no example was found", file)
		}
	}
	for file, document := range documents {
		for kind := range document.child("components").object() {
			for name := range document.at("components", kind).object() {
				if pointer := "/components/" + kind + "/" + name; kind != "securitySchemes" && !used[file+pointer] && !readByName(pointer) {
					t.Errorf("%s: nothing refers to %s", file, pointer)
				}
			}
		}
	}
}

// readByName: Transport looks for this response where there is no operation.
func readByName(pointer string) bool { return pointer == "/components/responses/MethodNotAllowed" }

func walk(n node, visit func(node)) {
	switch value := n.value.(type) {
	case map[string]any:
		visit(n)
		for key, child := range value {
			walk(node{n.file, n.root, n.pointer + "/" + escapePointer.Replace(key), child}, visit)
		}
	case []any:
		for _, child := range n.items() {
			walk(child, visit)
		}
	}
}

func lookup(n node, pointer string) node {
	return node{file: n.file, root: n.root, value: map[string]any{"$ref": "#" + pointer}}.resolve()
}

type example struct {
	schema node
	value  any
}

// examplesOf finds examples in the places that the two specifications have for them.
func examplesOf(n node) []example {
	object := n.value.(map[string]any)
	var list []example
	if value, ok := object["example"]; ok && object["schema"] != nil {
		list = append(list, example{n.child("schema"), value})
	}
	switch examples := object["examples"].(type) {
	case map[string]any: // of a media type
		for name := range examples {
			list = append(list, example{n.child("schema"), n.at("examples", name, "value").value})
		}
	case []any:
		for _, value := range examples {
			if message, ok := value.(map[string]any); ok && object["payload"] != nil {
				list = append(list, example{n.child("payload"), message["payload"]})
			} else {
				list = append(list, example{n, value})
			}
		}
	}
	return list
}

// A comma in an unquoted text inside of braces makes the rest of the text a key, which a schema then ignores.
func TestDocuments_KeysAreNames(t *testing.T) {
	for _, file := range []string{openAPIFile, asyncAPIFile} {
		walk(source(t, file), func(n node) {
			for key := range n.value.(map[string]any) {
				if strings.ContainsAny(key, " ,") {
					t.Errorf("%s%s: the key %q looks like text", file, n.pointer, key)
				}
			}
		})
	}
}

// What holds for every operation, by CONTRACT: one forgotten line in the document would let a service do otherwise.
func TestOpenAPI_Consistency(t *testing.T) {
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	document := source(t, openAPIFile)
	ids := map[string]bool{}
	for _, op := range d.operations {
		t.Run(op.ID, func(t *testing.T) {
			if op.ID == "" || ids[op.ID] {
				t.Errorf("the operationId %q is empty, or there twice", op.ID)
			}
			ids[op.ID] = true
			n := document.at("paths", op.Path, strings.ToLower(op.Method))
			if n.child("summary").string() == "" || len(op.Services) == 0 || n.child("x-roles").value == nil {
				t.Error("summary, x-services or x-roles is missing")
			}
			if len(op.Roles) > 0 != op.secured {
				t.Errorf("roles %v do not fit the security", op.Roles)
			}
			if !strings.HasPrefix(op.Path, "/api/") {
				return
			}
			want := []int{429, 500, 503, 504}
			if op.secured {
				want = append(want, 401, 403)
			}
			if op.body != nil {
				want = append(want, 400, 413, 415)
			}
			if strings.Contains(op.Path, "{") {
				want = append(want, 400, 404)
			}
			if op.Method == http.MethodPost {
				want = append(want, 409)
				// The responses under /auth/ are secrets, which are not stored.
				if secret := strings.HasPrefix(op.Path, "/api/v1/auth/"); op.has("header", "Idempotency-Key") == secret {
					t.Errorf("Idempotency-Key: %t", !secret)
				}
			}
			if slices.ContainsFunc(op.parameters, func(p parameter) bool { return p.in == "query" }) {
				want = append(want, 400)
			}
			for _, status := range want {
				if op.responses[status] == nil {
					t.Errorf("the response %d is missing", status)
				}
			}
			for _, header := range []string{"traceparent", "X-Correlation-ID"} {
				if !op.has("header", header) {
					t.Errorf("the header %s is missing", header)
				}
			}
		})
		for status, r := range op.responses {
			for _, header := range []string{"X-Correlation-ID", "Server-Timing"} {
				if !slices.ContainsFunc(r.headers, func(p parameter) bool { return p.name == header && p.required }) {
					t.Errorf("%s: the response %d does not require %s", op.ID, status, header)
				}
			}
		}
	}
}

func (op *operation) has(in, name string) bool {
	return slices.ContainsFunc(op.parameters, func(p parameter) bool { return p.in == in && p.name == name })
}

// Closed objects are what makes a wrong field fail; these few are open on purpose.
func TestDocuments_ObjectsAreClosed(t *testing.T) {
	open := []string{
		"openapi.yaml/components/schemas/Plan",          // a foreign format
		"openapi.yaml/components/schemas/ReportedState", // the caller's own words
		"openapi.yaml/components/schemas/DriftFields",   // closed where it is used
		"openapi.yaml/components/schemas/CheckFields",
		"openapi.yaml/components/schemas/Metadata",
		"asyncapi.yaml/components/schemas/CloudEvent",       // closed where it is used
		"asyncapi.yaml/components/schemas/Event",            // closed in each event
		"asyncapi.yaml/channels/socket/bindings/ws/headers", // HTTP has others
	}
	for _, file := range []string{openAPIFile, asyncAPIFile} {
		walk(source(t, file), func(n node) {
			if _, closed := n.value.(map[string]any)["unevaluatedProperties"]; closed {
				open = append(open, file+n.pointer+"/allOf/") // The parts are closed by the whole.
			}
		})
		walk(source(t, file), func(n node) {
			object := n.value.(map[string]any)
			_, closed := object["additionalProperties"]
			_, unevaluated := object["unevaluatedProperties"]
			at := file + n.pointer
			if isObject(object["type"]) && object["properties"] != nil && !closed && !unevaluated && !slices.ContainsFunc(open, func(p string) bool { return strings.HasPrefix(at, p) }) {
				t.Errorf("%s takes any property", at)
			}
		})
	}
}

func isObject(schemaType any) bool {
	list, _ := schemaType.([]any)
	return schemaType == "object" || slices.Contains(list, any("object"))
}

// Draft 7 ignores keys beside a $ref, and generators of types do so too: use allOf, or a schema of its own.
func TestDocuments_NothingBesideARef(t *testing.T) {
	for _, file := range []string{openAPIFile, asyncAPIFile} {
		walk(source(t, file), func(n node) {
			if object := n.value.(map[string]any); object["$ref"] != nil && len(object) > 1 {
				t.Errorf("%s%s has more than its $ref", file, n.pointer)
			}
		})
	}
}

func TestRead_Refuses(t *testing.T) {
	const (
		goodOpen  = "openapi: 3.1.1\npaths: {}\ncomponents: {responses: {NotFound: {}, MethodNotAllowed: {}, RateLimitExceeded: {}, InternalServerError: {}, ServiceUnavailable: {}}}\n"
		goodAsync = "operations:\n  receiveFromClient: {messages: [{payload: {properties: {type: {const: a}}}}]}\n  sendToClient: {messages: [{payload: {properties: {type: {const: a}}}}]}\n"
	)
	for name, c := range map[string]struct{ open, async, want string }{
		"a document that is not YAML": {"{", goodAsync, "read openapi.yaml"},
		"a schema that is none":       {strings.Replace(goodOpen, "{}", "{/a: {get: {parameters: [{name: a, in: query, schema: {type: strin}}]}}}", 1), goodAsync, "GET /a: schema at"},
		"a frame without a type":      {goodOpen, strings.Replace(goodAsync, "const: a", "pattern: a", 1), "no constant type"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{openAPIFile: c.open, asyncAPIFile: c.async} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := read(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func ExampleOperations() {
	operations, err := Operations("realtime")
	if err != nil {
		panic(err)
	}
	for _, op := range operations {
		fmt.Println(op.Method, op.Path, op.Roles)
	}
	// Output:
	// GET /health/detailed []
	// GET /health/live []
	// GET /health/ready []
	// GET /metrics []
	// GET /ws [viewer engineer admin]
}
