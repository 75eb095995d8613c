package drift_test

import (
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// TestService_Ingest_shows_stored_drifts: nothing that an upload wrote is read back, so its result must be the stored drifts:
// new drifts, changed, unchanged and moved ones, and in the order of severity. Mutations: ReadStates not called; the states of
// shown drifts dropped after they are written; the plan's states shown for unchanged drifts.
func TestService_Ingest_shows_stored_drifts(t *testing.T) {
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

	// The difference is the same, and another attribute has changed on both sides: the stored difference stays.
	again := w.ingest("prod", `{"format_version":"1.2","complete":false,"resource_drift":[{"address":"aws_thing.www","mode":"managed","type":"aws_thing",
		"name":"x","change":{"actions":["update"],"before":{"v":"a","other":1},"after":{"v":"b","other":1}}}]}`)
	if again.Check.Counts.Unchanged != 1 {
		t.Errorf("%+v", again.Check.Counts)
	}
	same("unchanged, with another attribute", again, 1)
	same("gone", w.ingest("prod", planOf(4, complete)), 0)
}

// TestService_Ingest_new_masks: what a later plan calls sensitive is not shown any more, though the difference is the same.
// Mutations: OtherMasks not looked at; masksOf that only counts.
func TestService_Ingest_new_masks(t *testing.T) {
	w := newWorld(t)
	body := func(sensitive string) string {
		return `{"format_version":"1.2","complete":true,"resource_drift":[{"address":"aws_thing.web","mode":"managed","type":"aws_thing","name":"web",
			"change":{"actions":["update"],"before":{"t":"fakepw-old1","same":"fakepw-same"},"after":{"t":"fakepw-new1","same":"fakepw-same"},
			"before_sensitive":` + sensitive + `,"after_sensitive":` + sensitive + `}}]}`
	}
	row := func() string { return query[string](w, "select row_to_json(d)::text from drift d") }
	first := w.ingest("prod", body("{}")).Drifts[0]
	if !strings.Contains(row(), "fakepw-old1") {
		t.Fatal("the values are not shown at first")
	}
	for _, step := range []struct{ sensitive, shown, hidden string }{
		{`{"t":true}`, "fakepw-same", "fakepw-new1"},
		{`{"same":true}`, "fakepw-new1", "fakepw-same"},
		{`{"t":true,"same":true}`, "aws_thing", "fakepw-"},
	} {
		events := len(w.events())
		a := w.ingest("prod", body(step.sensitive))
		if a.Check.Counts.Unchanged != 1 || a.Drifts[0].Version != first.Version || len(w.events()) != events+1 {
			t.Errorf("%s: %+v, version %d", step.sensitive, a.Check.Counts, a.Drifts[0].Version)
		}
		if got := row() + string(a.Response); strings.Contains(got, step.hidden) || !strings.Contains(got, step.shown) {
			t.Errorf("%s: %s", step.sensitive, got)
		}
	}
}
