package e2e

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)

// expectEnvExample compares .env.example with the configuration that the services log at start, both ways, so that no
// variable is forgotten in it and none is in it that nothing reads.
func expectEnvExample(t *testing.T, p *pair) {
	t.Helper()
	text, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "#"), "="); ok && variableName.MatchString(name) {
			listed[name] = true
		}
	}
	read := map[string]bool{}
	for _, proc := range []*process{p.api, p.realtime} {
		line := proc.waitLog(t, "its configuration", func(l map[string]any) bool { return l["msg"] == "configuration" && l["APP_ENV"] != nil })
		for name := range line {
			if variableName.MatchString(name) {
				read[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(read)) {
		if !listed[name] {
			t.Errorf(".env.example does not have %s: add it with its default", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if !read[name] && !strings.HasPrefix(name, "OTEL_") { // the SDK reads those
			t.Errorf(".env.example has %s, which neither service reads: remove it", name)
		}
	}
}
