// Package apidoc makes what api serves about the API out of docs/api: each document as one JSON file that refers to no other
// file and has an example for every body, and a page for people. The result is kept in the service, whose test compares it.
package apidoc

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// Build returns the files by name, made from the documents in dir.
func Build(dir string) (map[string][]byte, error) {
	open, err := load(dir, "openapi.yaml")
	if err != nil {
		return nil, err
	}
	async, err := load(dir, "asyncapi.yaml")
	if err != nil {
		return nil, err
	}
	if err := bundle(open, async); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	addExamples(open)
	page, err := renderPage(open, async)
	if err != nil {
		return nil, fmt.Errorf("the page of the documents: %w", err)
	}
	return map[string][]byte{"openapi.json": encode(open), "asyncapi.json": encode(async), "docs.html": page}, nil
}

func load(dir, file string) (*object, error) {
	source, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil, fmt.Errorf("read an API document: %w", err)
	}
	var n yaml.Node
	if err := yaml.Unmarshal(source, &n); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	value, err := ordered(&n)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	document, ok := value.(*object)
	if !ok {
		return nil, fmt.Errorf("read %s: it is no object", file)
	}
	return document, nil
}
