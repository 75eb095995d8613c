package command

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestRunAll_refusedUnit: a unit that is refused keeps no other from being sent; it is named, and the command fails although another
// unit has open drifts. Mutations: the first refusal ends the walk; what is open goes before the failure; the unit not named.
func TestRunAll_refusedUnit(t *testing.T) {
	const script = `#!/bin/sh
for unit in a b; do mkdir -p "$5/$unit" && echo '{"format_version":"1.2"}' > "$5/$unit/tfplan.json"; done
`
	tool := filepath.Join(t.TempDir(), "terragrunt")
	if err := os.WriteFile(tool, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		workspace := r.URL.Query().Get("workspace")
		if workspace == "" {
			return
		}
		mu.Lock()
		sent = append(sent, workspace)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if workspace == "shop/a" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"error":{"code":"invalid","message":"no plan of ours"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"data":{"check":{},"open":{"unsettled":{"critical":1}},"drifts":[]}}`)
	}))
	defer server.Close()
	settings := map[string]string{"DRIFTSENTRY_URL": server.URL, "DRIFTSENTRY_API_KEY": "key", "DRIFTSENTRY_WORKSPACE": "shop"}
	var out, log bytes.Buffer
	status := Run(t.Context(), Environment{Version: "0.1.0", Getenv: func(n string) string { return settings[n] }, In: strings.NewReader(""), Out: &out, Err: &log},
		[]string{"run", "--", tool, "--all"})
	if status != Failed || !strings.Contains(log.String(), "shop/a: ") {
		t.Errorf("status %d, %s", status, log.String())
	}
	if want := []string{"shop/a", "shop/b"}; !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
}
