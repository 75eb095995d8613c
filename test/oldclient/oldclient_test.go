//go:build oldclient

package oldclient

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/checkout"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// folders are what is taken from the old commit.
var folders = []string{"client", "test/client"}

// TestOldClient runs the old client's tests on the present services. It fails for whatever they complain about that is not on the list
// of changes, for a change that is not seen any more, and for an entry that the changelog lacks.
//
// Mutations, each in the service: an operation without its route; a parameter with another name; a field of a response with another name,
// or less; a role that may not call; a topic with another name. In the list: an entry more, an entry less.
func TestOldClient(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	old := t.TempDir()
	if err := checkout.Extract(t.Context(), root, before, old, folders...); errors.Is(err, checkout.ErrNoHistory) {
		message := "NOT RUN: " + err.Error()
		fmt.Fprintln(os.Stderr, message)
		t.Skip(message)
	} else if err != nil {
		t.Fatal(err)
	}
	calls := filepath.Join(t.TempDir(), "calls")
	if err := os.WriteFile(calls, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	said, complete := runOldTests(t, root, overlay(t, root, old), calls)
	compare(t, said, complete)
	report(t, calls)
}

// overlay writes the file that puts the old files, and those of testdata, in the place of the present ones.
func overlay(t *testing.T, root, old string) string {
	t.Helper()
	replace := map[string]string{}
	for _, folder := range folders {
		for _, file := range files(t, filepath.Join(root, folder)) {
			replace[filepath.Join(root, folder, file)] = "" // It is not there, unless the old commit has it.
		}
		for _, file := range files(t, filepath.Join(old, folder)) {
			replace[filepath.Join(root, folder, file)] = filepath.Join(old, folder, file)
		}
	}
	for _, file := range files(t, "testdata") {
		replace[filepath.Join(root, "test", "client", file)] = filepath.Join(root, "test", "oldclient", "testdata", file)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// files are the names of the Go files of a folder.
func files(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no Go files in %s: %v", folder, err)
	}
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths
}

var (
	logged    = regexp.MustCompile(`^\s+\w+_test\.go:\d+: (.*)`)
	newFields = regexp.MustCompile(`^(\w+): the client's type has no field for (.*): add it$`)
	newRoutes = regexp.MustCompile(`^no method of the client was called for \[(.*)\]: add the method, and a call here; only \[(.*)\] have none$`)
	aRoute    = regexp.MustCompile(`[A-Z]+ \S+`)
)

// runOldTests returns what the old tests say of the services, in the words of changes. They are complete if each test came to its end.
func runOldTests(t *testing.T, root, overlay, calls string) (said []string, complete bool) {
	t.Helper()
	run := exec.CommandContext(t.Context(), "go", "test", "-json", "-count", "1", "-timeout", "15m", "-overlay", overlay, "./test/client/")
	run.Dir = root
	run.Env = append(os.Environ(), "CALLS="+calls)
	var whole bytes.Buffer
	run.Stderr = &whole
	stdout, runErr := run.Output() // Its exit status is 1 where the tests complain, which they may.
	passed, begun := map[string]bool{}, map[string]string{}
	for line := range bytes.Lines(stdout) {
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("the output of go test: %v\n%s", err, line)
		}
		whole.WriteString(event.Output)
		if event.Action == "pass" || event.Action == "fail" {
			passed[event.Test] = event.Action == "pass"
		}
		// A long line comes in parts.
		if begun[event.Test] += event.Output; !strings.HasSuffix(begun[event.Test], "\n") {
			continue
		}
		match := logged.FindStringSubmatch(strings.TrimSuffix(begun[event.Test], "\n"))
		begun[event.Test] = ""
		if match != nil {
			said = append(said, inWordsOfChanges(match[1])...)
		}
	}
	// The test of all operations always fails: it finds each new field. It must have come to its end, where it looks for operations without a
	// call.
	complete = passed["TestStream_misses_nothing"] && passed["TestChanged"] &&
		slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "new operation") })
	if !complete {
		t.Errorf("the old tests did not come to their end (%v):\n%s", runErr, whole.String())
	}
	return said, complete
}

func inWordsOfChanges(message string) (said []string) {
	if fields := newFields.FindStringSubmatch(message); fields != nil {
		for field := range strings.SplitSeq(fields[2], ", ") {
			said = append(said, fields[1]+": new field "+field)
		}
		return said
	}
	if routes := newRoutes.FindStringSubmatch(message); routes != nil {
		never := aRoute.FindAllString(routes[2], -1)
		for _, route := range aRoute.FindAllString(routes[1], -1) {
			if !slices.Contains(never, route) {
				said = append(said, "new operation "+route)
			}
		}
		return said
	}
	return []string{strings.TrimPrefix(message, "changed: ")}
}

// compare expects that what the tests say and the list of changes are the same, and that the changelog has each.
func compare(t *testing.T, said []string, complete bool) {
	t.Helper()
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	changelog := strings.Join(strings.Fields(string(text)), " ")
	listed := map[string]bool{}
	for _, c := range changes {
		listed[c.seen] = true
		if complete && !slices.Contains(said, c.seen) {
			t.Errorf("%q is on the list of changes, but the old client does not see it: remove it from the list, or make it so again", c.seen)
		}
		if !strings.Contains(changelog, c.entry) {
			t.Errorf("%q: CHANGELOG.md has no entry %q", c.seen, c.entry)
		}
		t.Logf("changed  %s\n         %s", c.seen, c.entry)
	}
	for _, s := range said {
		if !listed[s] {
			t.Errorf("the old client's test says: %s\nMake the services do what they did, or add it to the list of changes with its entry in CHANGELOG.md.", s)
		}
	}
}

// report logs the operations that the old client called, and fails for each that never succeeded.
func report(t *testing.T, path string) {
	t.Helper()
	patterns := http.NewServeMux()
	for _, service := range []string{"api", "realtime"} {
		operations, err := spec.Operations(service)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range operations {
			// Both have probes and metrics, which the client does not call.
			if service == "api" || op.Path == "/ws" {
				patterns.Handle(op.Method+" "+op.Path, http.NotFoundHandler())
			}
		}
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	total, worked := map[string]int{}, map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var status int
		var method, path string
		if _, err := fmt.Sscan(lines.Text(), &status, &method, &path); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, pattern := patterns.Handler(r)
		total[pattern]++
		if status < http.StatusBadRequest {
			worked[pattern]++
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(total)) {
		if worked[pattern] == 0 {
			t.Errorf("broken   %s: %d calls, none with success", pattern, total[pattern])
			continue
		}
		t.Logf("works    %s: %d of %d calls", pattern, worked[pattern], total[pattern])
	}
	t.Logf("tried: %d operations of the old client, %d of them work", len(total), len(worked))
}
