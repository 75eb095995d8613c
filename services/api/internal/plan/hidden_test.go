package plan

import (
	"strings"
	"testing"
)

// TestRead_hides_values: with VALUES=hidden paths stay, and of values nothing does, but that equal ones are equal. Mutations: numbers
// or booleans shown; a document's rest shown; a list's member named by what it is; no hash.
func TestRead_hides_values(t *testing.T) {
	raw := drifted(update("a", `{"n":4711,"s":"plainvalue-1","same":"plainvalue-2","copy":"plainvalue-2","b":true,"l":["plainvalue-3"],"e":"","x":null,"doc":"{\"a\":\"plainvalue-4\"}","password":"plainvalue-5","blocks":[{"name":"plainvalue-6","v":1}]}`,
		`{"n":4712,"s":"plainvalue-7","same":"plainvalue-2","copy":"plainvalue-2","b":false,"l":["plainvalue-8"],"e":"","x":null,"doc":"{\"a\":\"plainvalue-9\"}","password":"plainvalue-5","blocks":[{"name":"plainvalue-6","v":2}]}`))
	p, err := readUnpacked(strings.NewReader(raw), Options{Key: testKey, HideValues: true})
	if err != nil || len(p.Changes) != 1 {
		t.Fatal(err)
	}
	out := stored(p)
	for _, value := range []string{"plainvalue", "4711", "4712", "true", "false"} {
		if strings.Contains(out, value) {
			t.Errorf("%s shows in %s", value, out)
		}
	}
	for _, kept := range []string{`"n":{"expected":"[hidden `, `"doc`, `"e":""`, `"x":null`, `"password":"[redacted]"`} {
		if !strings.Contains(out, kept) {
			t.Errorf("%s does not show in %s", kept, out)
		}
	}
	_, same, _ := strings.Cut(string(p.Changes[0].Expected), `"same":`)
	_, copied, _ := strings.Cut(string(p.Changes[0].Expected), `"copy":`)
	if same[:20] != copied[:20] {
		t.Errorf("equal values differ: %s", out)
	}
}
