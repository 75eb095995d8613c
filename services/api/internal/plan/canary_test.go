package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/canary"
)

// stored is everything of a plan that may be shown or stored.
func stored(p *Plan) string {
	var b strings.Builder
	for i := range p.Changes {
		c := p.Changes[i]
		fmt.Fprintln(&b, c.Address, c.PreviousAddress, c.Type, c.Name, c.Provider, c.Region, c.ResourceID(), c.Actions, c.PlannedAction)
		fmt.Fprintf(&b, "%s\n%s\n%s\n", c.Expected, c.Actual, c.Difference)
	}
	for _, m := range p.Moves {
		fmt.Fprintln(&b, p.Shown(m.From), p.Shown(m.To))
	}
	return b.String()
}

// TestRead_canary: whatever makes a secret known, wherever it stands, however it is written, it is not stored.
//
// Mutations: each reader of pkg/redact left out; no look into strings in pass 1; no copies in base64, hex, JSON, URLs; addresses as
// they are; no kinds.
func TestRead_canary(t *testing.T) {
	cases, tried := canary.Cases()
	failed := 0
	for _, c := range cases {
		p, err := readUnpacked(strings.NewReader(c.Plan), Options{Key: testKey})
		if err != nil || len(p.Changes) == 0 {
			t.Fatalf("%s: %v", c.Name, err)
		}
		out := stored(p)
		if trace := canary.Find(out, c.Canary); trace != "" {
			failed++
			if failed < 30 {
				t.Errorf("%s: %s in %s", c.Name, trace, out)
			}
		}
		for _, x := range p.Changes {
			if !json.Valid(x.Expected) || !json.Valid(x.Actual) || !json.Valid(x.Difference) {
				t.Errorf("%s: %s", c.Name, out)
			}
		}
	}
	t.Logf("%s, %d failed", tried, failed)
}

// TestRead_field_secrets: what begins with fakepw- in the plans of public reports shows nowhere, and the rest of their documents
// does.
func TestRead_field_secrets(t *testing.T) {
	files, err := filepath.Glob("testdata/field/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	all := ""
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := readUnpacked(strings.NewReader(string(raw)), Options{Key: testKey, Changes: true})
		if err != nil {
			continue // The others are about what is refused.
		}
		out := stored(p)
		for _, trace := range []string{"fakepw-", "ZmFrZXB3L"} {
			if strings.Contains(out, trace) {
				t.Errorf("%s: %s", file, out)
			}
		}
		all += out
	}
	for _, kept := range []string{`\"image\":\"img:2\"`, `LOG_LEVEL`, `last-applied-configuration`} {
		if !strings.Contains(strings.ReplaceAll(all, `\": \"`, `\":\"`), kept) {
			t.Errorf("%s does not show", kept)
		}
	}
}
