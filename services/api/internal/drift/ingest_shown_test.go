package drift_test

import (
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// TestService_Ingest_shows_what_is_stored: nothing that an upload wrote is read back, so what it gives must be what is stored: of
// new drifts, changed, unchanged and moved ones, and in the order of severity. Mutations: ReadStates not called; the states of
// shown drifts dropped after they are written; the plan's states shown for unchanged drifts.
func TestService_Ingest_shows_what_is_stored(t *testing.T) {
	w := newWorld(t)
	same := func(what string, result *drift.Ingested, want int) {
		t.Helper()
		if len(result.Drifts) != want {
			t.Errorf("%s: %d drifts are shown, want %d", what, len(result.Drifts), want)
		}
		for i, d := range result.Drifts {
			stored, err := w.service.Get(t.Context(), w.engineer, d.ID)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, &stored.Drift, d)
			if i > 0 && d.ResourceID == "aws_iam_policy.p" {
				t.Errorf("%s: the critical drift is not the first", what)
			}
		}
	}
	thing := func(name, got string) resource { return resource{address: "aws_thing." + name, want: "a", got: got} }
	policy := resource{address: "aws_iam_policy.p", kind: "aws_iam_policy", want: "a", got: "b"}
	same("new", w.ingest("prod", planOf(1, complete, thing("web", "b"), thing("db", "b"), policy)), 3)
	if _, err := w.service.Approve(t.Context(), w.engineer, w.drifts()["aws_thing.db"].ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	moved := resource{address: "aws_thing.www", previous: "aws_thing.web", want: "a", got: "b"}
	same("unchanged, changed and moved", w.ingest("prod", planOf(2, complete, moved, thing("db", "c"), policy)), 3)
	same("unchanged", w.ingest("prod", planOf(3, `,"complete":false`, thing("www", "b"), policy)), 2)

	// The difference is the same, and another attribute has changed on both sides: what is stored stays.
	again := w.ingest("prod", `{"format_version":"1.2","complete":false,"resource_drift":[{"address":"aws_thing.www","mode":"managed","type":"aws_thing",
		"name":"x","change":{"actions":["update"],"before":{"v":"a","other":1},"after":{"v":"b","other":1}}}]}`)
	if again.Check.Counts.Unchanged != 1 {
		t.Errorf("%+v", again.Check.Counts)
	}
	same("unchanged, with another attribute", again, 1)
	same("gone", w.ingest("prod", planOf(4, complete)), 0)
}
