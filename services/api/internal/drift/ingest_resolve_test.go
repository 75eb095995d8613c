package drift_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// recorded is a prior_state of aws_thing resources: name, value, name, value.
func recorded(values ...string) string {
	var entries []string
	for i := 0; i < len(values); i += 2 {
		entries = append(entries, fmt.Sprintf(`{"address":"aws_thing.%s","mode":"managed","type":"aws_thing","values":{"v":%q}}`, values[i], values[i+1]))
	}
	return `,"prior_state":{"format_version":"1.0","values":{"root_module":{"resources":[` + strings.Join(entries, ",") + `]}}}`
}

func TestService_Ingest_resolves(t *testing.T) {
	resources := []resource{
		{address: "aws_thing.approved", want: "a", got: "b"}, {address: "aws_thing.rejected", want: "a", got: "b"},
		{address: "aws_thing.detected", want: "a", got: "b"}, {address: "aws_thing.other", want: "a", got: "b"},
	}
	stays := []string{"approved", "rejected", "detected", "other"}
	for name, tt := range map[string]struct {
		body   string
		upload func(*drift.Upload)
		want   map[string]drift.ResolvedHow // by the end of the address
	}{
		"what is recorded now says how": {body: planOf(2, complete+recorded("approved", "b", "rejected", "a", "other", "z")), want: map[string]drift.ResolvedHow{
			"approved": drift.Accepted, "rejected": drift.Reverted, "detected": drift.Removed, "other": drift.Superseded,
		}},
		"and not what was decided": {body: planOf(2, complete+recorded("approved", "a", "rejected", "b", "other", "b")), want: map[string]drift.ResolvedHow{
			"approved": drift.Reverted, "rejected": drift.Accepted, "detected": drift.Removed, "other": drift.Accepted,
		}},
		"without what is recorded now, nothing says how": {body: planOf(2, complete), want: map[string]drift.ResolvedHow{
			"approved": drift.Unknown, "rejected": drift.Unknown, "detected": drift.Unknown, "other": drift.Unknown,
		}},
		"what is still there stays": {body: planOf(2, complete+recorded("rejected", "a"), resources[0], resources[2]), want: map[string]drift.ResolvedHow{
			"rejected": drift.Reverted, "other": drift.Removed,
		}},
		"slimmed, and said to be full": {body: planOf(2, ""), upload: func(u *drift.Upload) { u.Scope = plan.ScopeFull }, want: map[string]drift.ResolvedHow{
			"approved": drift.Unknown, "rejected": drift.Unknown, "detected": drift.Unknown, "other": drift.Unknown,
		}},
		"a plan that was not refreshed, nothing":    {body: planOf(2, complete), upload: func(u *drift.Upload) { u.Refreshed = false }},
		"a destroy plan, nothing":                   {body: planOf(2, complete), upload: func(u *drift.Upload) { u.Mode = plan.ModeDestroy }},
		"a preview, nothing":                        {body: planOf(2, complete), upload: func(u *drift.Upload) { u.Purpose = drift.Preview }},
		"slimmed resolves nothing":                  {body: planOf(2, "")},
		"incomplete resolves nothing":               {body: planOf(2, `,"complete":false`)},
		"incomplete and said to be full, nothing":   {body: planOf(2, `,"complete":false`), upload: func(u *drift.Upload) { u.Scope = plan.ScopeFull }},
		"said to be partial, nothing":               {body: planOf(2, complete), upload: func(u *drift.Upload) { u.Scope = plan.ScopePartial }},
		"errored resolves nothing":                  {body: planOf(2, `,"complete":true,"errored":true`)},
		"older resolves nothing":                    {body: planOf(0, `,"timestamp":"2026-02-01T00:00:00Z","complete":true`)},
		"another workspace's plan resolves nothing": {body: planOf(2, complete), upload: func(u *drift.Upload) { u.Workspace = "elsewhere" }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ingest("prod", planOf(1, complete, resources...))
			w.report("reported")
			found := w.drifts()
			if _, err := w.service.Approve(t.Context(), w.engineer, found["aws_thing.approved"].ID, reason, 0); err != nil {
				t.Fatal(err)
			}
			if _, err := w.service.Reject(t.Context(), w.engineer, found["aws_thing.rejected"].ID, reason, 0); err != nil {
				t.Fatal(err)
			}
			var changes []func(*drift.Upload)
			if tt.upload != nil {
				changes = append(changes, tt.upload)
			}
			a := w.ingest("prod", tt.body, changes...)
			got := make(map[string]drift.ResolvedHow)
			for _, id := range stays {
				// Of the two drifts of a resource that differs in another way the old one counts.
				d, err := w.service.Get(t.Context(), w.engineer, found["aws_thing."+id].ID)
				if err != nil {
					t.Fatal(err)
				}
				if d.Status == drift.Resolved {
					got[id] = *d.ResolvedHow
					if d.ResolvedBasis == nil || *d.ResolvedBasis != drift.ByState || d.CheckID == nil || *d.CheckID != a.Check.ID {
						t.Errorf("%s: basis %v, check %v", id, d.ResolvedBasis, d.CheckID)
					}
				}
			}
			if !maps.Equal(got, tt.want) || a.Check.Purpose == drift.Record && a.Check.Counts.Resolved != len(tt.want) {
				t.Errorf("resolved %v (%d counted), want %v", got, a.Check.Counts.Resolved, tt.want)
			}
			if c := a.Check; c.Purpose == drift.Record && c.Workspace == "prod" && c.Counts.Resolved+c.Evidence.Unproven+c.Counts.Unchanged != len(resources) {
				t.Errorf("%d resolved, %d seen and %d unproven of %d", c.Counts.Resolved, c.Counts.Unchanged, c.Evidence.Unproven, len(resources))
			}
			if len(tt.want) == 0 && a.Check.Workspace == "prod" && len(a.Check.Evidence.Reasons) == 0 {
				t.Error("nothing says why nothing was resolved")
			}
			if w.drifts()["reported"].Status != drift.Detected {
				t.Error("a plan resolved a drift that was reported")
			}
		})
	}
}
