package apidoc

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

func build(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := Build(filepath.Join(doctable.Root(t), "docs/api"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestFiles: what the service has is what the documents say. Mutation: any change of docs/api without `make tables`.
func TestFiles(t *testing.T) {
	for name, want := range build(t) {
		path := filepath.Join(doctable.Root(t), "services/api/internal/apidoc", name)
		if doctable.Updating() {
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what docs/api says (%v): run make tables", path, err)
		}
	}
}

// TestOpenAPI: the file needs no other one, and each body has an example that its schema takes. Mutations: adopt leaves
// references alone; bundle does not copy what a copied schema refers to; addExamples leaves out the parts of an allOf.
func TestOpenAPI(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(build(t)["openapi.json"]))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("spec:///openapi.json", document); err != nil {
		t.Fatal(err)
	}
	bodies := 0
	visit(document, "", func(pointer string, o map[string]any) {
		if ref, ok := o["$ref"].(string); ok && !strings.HasPrefix(ref, "#/") {
			t.Errorf("%s refers to another file: %s", pointer, ref)
		}
		content, ok := o["content"].(map[string]any)
		if !ok || strings.Contains(pointer, "/schemas/") {
			return
		}
		for media, m := range content {
			bodies++
			at := pointer + "/content/" + escape(media)
			schema, err := c.Compile("spec:///openapi.json#" + strings.ReplaceAll(at+"/schema", "{", "%7B"))
			if err != nil {
				t.Errorf("%s: %v", at, err)
				continue
			}
			examples := examplesOf(m.(map[string]any))
			if len(examples) == 0 {
				t.Errorf("%s has no example", at)
			}
			for _, example := range examples {
				if err := schema.Validate(example); err != nil {
					shown, _ := json.Marshal(example)
					t.Errorf("%s: the example does not fit; give the schema, or a property of it, `examples`: %v\n%s", at, err, shown)
				}
			}
		}
	})
	if bodies < 60 {
		t.Errorf("only %d bodies", bodies)
	}
}

func examplesOf(media map[string]any) []any {
	if example, ok := media["example"]; ok {
		return []any{example}
	}
	var list []any
	examples, _ := media["examples"].(map[string]any)
	for _, example := range examples {
		list = append(list, example.(map[string]any)["value"])
	}
	return list
}

func visit(value any, pointer string, f func(string, map[string]any)) {
	if o, ok := value.(map[string]any); ok {
		f(pointer, o)
		for key, child := range o {
			visit(child, pointer+"/"+escape(key), f)
		}
	}
}

func escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }

// TestBundle_refuses: a name that means two things is told, not decided.
func TestBundle_refuses(t *testing.T) {
	schemas := func(text string) *object {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := load(dir, "a.yaml")
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	open := schemas("paths: {a: {$ref: './asyncapi.yaml#/components/schemas/A'}}\ncomponents: {schemas: {A: {type: string, description: ours}}}")
	for text, want := range map[string]string{
		"components: {schemas: {A: {type: string, title: A}}}": "",
		"components: {schemas: {A: {type: integer}}}":          "another schema A",
		"components: {schemas: {B: {type: string}}}":           "no schema A",
	} {
		err := bundle(open, schemas(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		open.object("paths", "a").set("$ref", foreign+"A")
	}
}
