package drift_test

import (
	"encoding/json"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

func TestService_Create(t *testing.T) {
	w := newWorld(t)
	d := w.report("db", func(r *drift.Report) {
		r.ExpectedState, r.ActualState = json.RawMessage(`{"password":"hunter2-hunter2","n":1}`), json.RawMessage(`null`)
		r.CostImpactMonthly = 12.345
	})
	if d.Origin != plan.OriginManual || d.DetectedBy != "manual" || d.CostImpactMonthly != 12.35 || d.Workspace != "default" || string(d.ActualState) != "null" {
		t.Errorf("%+v", d)
	}
	if state := string(d.ExpectedState); state != `{"n":1,"password":"[redacted]"}` {
		t.Errorf("expected state %s", state)
	}
	stored, err := w.service.Get(t.Context(), w.engineer, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, &stored.Drift, d)

	try := func(change func(*drift.Report)) error {
		r := drift.Report{
			ResourceID: "web", ResourceType: "t", Region: "r", Workspace: drift.DefaultWorkspace,
			ExpectedState: json.RawMessage(`{"a":1}`), ActualState: json.RawMessage(`{"a":2}`),
		}
		change(&r)
		_, err := w.service.Create(t.Context(), w.engineer, r)
		return err
	}
	t.Run("open already is a conflict", func(t *testing.T) {
		wantKind(t, try(func(r *drift.Report) { r.ResourceID = "db" }), apierror.Conflict)
		if err := try(func(r *drift.Report) { r.ResourceID, r.Workspace = "db", "other" }); err != nil {
			t.Errorf("in another workspace it is another resource: %v", err)
		}
	})
	for name, change := range map[string]func(*drift.Report){
		"resourceId":        func(r *drift.Report) { r.ResourceID = "" },
		"region":            func(r *drift.Report) { r.Region = string(make([]byte, 65)) },
		"workspace":         func(r *drift.Report) { r.Workspace = "a b" },
		"severity":          func(r *drift.Report) { r.Severity = "bad" },
		"expectedState":     func(r *drift.Report) { r.ExpectedState = nil },
		"actualState":       func(r *drift.Report) { r.ActualState = json.RawMessage(`[1]`) },
		"costImpactMonthly": func(r *drift.Report) { r.CostImpactMonthly = 1e12 },
	} {
		t.Run("the error names "+name, func(t *testing.T) {
			err := try(change)
			if !apierror.Is(err, apierror.Invalid) || apierror.From(err).Fields[0].Field != name {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("states without a difference are refused", func(t *testing.T) {
		wantKind(t, try(func(r *drift.Report) { r.ActualState = json.RawMessage(`{"a":1,"b":null}`) }), apierror.Invalid)
	})
}
