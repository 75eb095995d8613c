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

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestUploadMemory: a plan of 64 MiB makes the api's memory grow by no more than 1.5 times the plan's size, whether
// nothing in it has drifted, or everything. (Tried: with each change's states kept unpacked, as they once were, plans
// in which everything drifts fail by 2 to 5 times.)
func TestUploadMemory(t *testing.T) {
	ship(t, "api", &programs.API)
	p := startPair(t, pgtest.DSN(t), append(unlimited, "REQUEST_TIMEOUT=300s")...)
	const size = 64<<20 - 8<<10
	for name, body := range map[string][]byte{
		"one-drifted":             bigPlan(size - 4<<10),
		"every-one-drifted":       driftingPlan(size, 3<<10),
		"every-large-one-drifted": driftingPlan(size, 300<<10),
	} {
		t.Run(name, func(t *testing.T) {
			// A process with a sign-in has hashed a password, which takes as much memory as a plan.
			p.api.stop(t)
			p.startAPI()
			idle := p.memory(t, "VmRSS")
			if a := p.client(p.apiKey).do(t.Context(), http.MethodPost, p.apiURL+"/api/v1/ingest/plan?workspace="+name, body); a.status != http.StatusOK {
				t.Errorf("%d %.500s", a.status, a.body)
			}
			peak := p.memory(t, "VmHWM")
			t.Logf("tried: a plan of %d MiB: %d MiB before, %d MiB at most", len(body)>>20, idle>>20, peak>>20)
			if grown := peak - idle; grown > len(body)*3/2 {
				t.Errorf("the process grew by %d MiB for a plan of %d MiB", grown>>20, len(body)>>20)
			}
		})
	}
	p.stop()
}

// driftingPlan is a plan of about this size in which every resource has drifted, each with so many bytes.
func driftingPlan(size, each int) []byte {
	var b strings.Builder
	b.WriteString(`{"format_version":"1.2","terraform_version":"1.11.4","timestamp":"2026-01-01T00:00:00Z","complete":true,"errored":false,"resource_drift":[`)
	for i := 0; b.Len() < size-each; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		state := func(kind string) string {
			var s strings.Builder
			fmt.Fprintf(&s, `{"arn":"arn:aws:ec2:eu-west-1:123456789012:instance/i-%d","instance_type":%q,"tags":{`, i, kind)
			for k := 0; s.Len() < each/2-100; k++ {
				fmt.Fprintf(&s, `"key-%d":"value %d of %d",`, k, k, i)
			}
			s.WriteString(`"last":"x"}}`)
			return s.String()
		}
		fmt.Fprintf(&b, `{"address":"aws_instance.n[%d]","mode":"managed","type":"aws_instance","name":"n","change":{"actions":["update"],"before":%s,"after":%s,"after_unknown":{},"before_sensitive":{},"after_sensitive":{}}}`,
			i, state("t3.micro"), state("t3.large"))
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

// ship makes a release build: the race detector needs several times the memory and CPU.
func ship(t *testing.T, name string, program *string) {
	t.Helper()
	shipped := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", shipped, "github.com/driftsentry/driftsentry/services/"+name+"/cmd/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raced := *program
	*program = shipped
	t.Cleanup(func() { *program = raced })
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
