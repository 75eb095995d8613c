//go:build stack

package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/pyroscopetest"
)

// followUpload finds the address of the run of CI on the span of its upload, where Grafana makes a link of it.
func (s *system) followUpload(t *testing.T, j job) {
	t.Helper()
	eventually(t, "Tempo", func(ctx context.Context) error {
		trace, err := s.trace(ctx, j.ci.traceID)
		if err != nil {
			return err
		}
		for _, span := range trace.Spans {
			if span.Attributes["cicd.pipeline.run.url.full"] == runURL && span.Attributes["vcs.ref.head.name"] == ref && span.Attributes["vcs.ref.head.revision"] == commit {
				return nil
			}
		}
		return fmt.Errorf("no span of %s has the run %s", j.ci.traceID, runURL)
	})
}

// followProfile asks for what Grafana asks a Pyroscope for: the service by the tag of the link, and the span by its ID. Most requests
// are too short for a sample, so they go on until one has some.
func (s *system) followProfile(t *testing.T, j job, pyroscope *pyroscopetest.Receiver) {
	t.Helper()
	tags := shipped.Datasources(t)["tempo"].JSONData.TracesToProfiles.Tags
	if len(tags) != 1 || tags[0] != (shipped.Tag{Key: "service.name", Value: "service_name"}) {
		t.Fatalf("the link's tags are %+v", tags)
	}
	eventually(t, "Pyroscope", func(ctx context.Context) error {
		for range 100 {
			j.look(t, newCaller())
		}
		var pushes []pyroscopetest.Push
		for _, push := range pyroscope.Pushes() {
			if strings.HasPrefix(push.Name, "driftsentry-api{") { // A Pyroscope calls it service_name.
				pushes = append(pushes, push)
			}
		}
		for id := range pyroscopetest.Labels(pushes, "span_id") {
			if id != "" && s.search(ctx, fmt.Sprintf("{span.pyroscope.profile.id=%q}", id)) == nil {
				return nil
			}
		}
		return fmt.Errorf("no sample of %d profiles has a span in Tempo that says so", len(pushes))
	})
}

// followExecutionTrace goes from an access line to the command that fetches its execution trace, as Grafana shows it, and
// fetches it where the command does.
func (s *system) followExecutionTrace(t *testing.T) {
	line := s.expectLine(t, `{service_name="driftsentry-api"} | driftsentry_execution_trace != ""`, "request")
	fields := shipped.Datasources(t)["loki"].JSONData.DerivedFields
	link := fields[slices.IndexFunc(fields, func(f shipped.DerivedField) bool { return f.MatcherRegex == "driftsentry_execution_trace" })]
	path := line.labels[link.MatcherRegex]
	lines, err := s.logs(t.Context(), strings.ReplaceAll(link.URL, "$${__value.raw}", path))
	if err != nil {
		t.Fatal(err)
	}
	if want := "wget -q -O - http://api:9090" + path + " > slow.trace"; !strings.Contains(lines[0].text, want) {
		t.Errorf("Grafana shows %q, without %q", lines[0].text, want)
	}
	eventually(t, "the execution trace", func(ctx context.Context) error { // It is written after the line.
		_, err := get(ctx, s.url("api", 9090)+path)
		return err
	})
}
