//go:build long && linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/pgtest"
)

// TestUploadMemory: a plan of 64 MiB makes the api's memory grow by no more than 1.5 times the plan's size.
func TestUploadMemory(t *testing.T) {
	// The race detector multiplies memory, so this one is built as it ships.
	program := filepath.Join(t.TempDir(), "api")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "github.com/driftsentry/driftsentry/services/api/cmd/api").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shipped := programs.api
	programs.api = program
	t.Cleanup(func() { programs.api = shipped })

	p := startPair(t, pgtest.DSN(t), append(unlimited, "REQUEST_TIMEOUT=60s")...)
	const size = 64<<20 - 8<<10
	body := bigPlan(size - 4<<10)
	idle := p.memory(t, "VmHWM")
	if a := p.client(p.apiKey).do(t.Context(), http.MethodPost, p.apiURL+"/api/v1/ingest/plan?workspace=big", body); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	peak := p.memory(t, "VmHWM")
	t.Logf("a plan of %d MiB: %d MiB before, %d MiB at most", len(body)>>20, idle>>20, peak>>20)
	if grown := peak - idle; grown > len(body)*3/2 {
		t.Errorf("the process grew by %d MiB for a plan of %d MiB", grown>>20, len(body)>>20)
	}
	p.stop()
}

// memory reads a figure of the api process, in bytes.
func (p *pair) memory(t *testing.T, field string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.api.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			var kib int
			if _, err := fmt.Sscanf(value, "%d kB", &kib); err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no %s", field)
	return 0
}
