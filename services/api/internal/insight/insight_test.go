package insight_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestService(t *testing.T) {
	api := apitest.Start(t)
	service, err := insight.New(postgres.NewInsightStore(api.DB), insight.Targets{}, api.Telemetry)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := api.DB.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	report := func(resource, severity string, cost float64) (path string) {
		t.Helper()
		var d struct{ ID string }
		api.Engineer.Post("/api/v1/drifts", map[string]any{
			"resourceId": resource, "resourceType": "aws_instance", "region": "eu-central-1", "severity": severity, "costImpactMonthly": cost,
			"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
		}).Want(201).Decode(&d)
		return "/api/v1/drifts/" + d.ID
	}
	empty, err := service.Summary(t.Context(), api.Account, nil, 30)
	if err != nil || empty.Drifts != 0 || empty.MedianSeconds != nil || len(empty.ByStatus) != 5 || len(empty.BySeverity) != 3 {
		t.Errorf("of nothing: %+v, %v", empty, err)
	}

	report("open", "warning", 10.10)
	rejected, resolved, older := report("rejected", "warning", 20.20), report("resolved", "warning", 40), report("older", "warning", 80)
	report("critical", "critical", 0.5)
	api.Engineer.Post(rejected+"/reject", map[string]any{"reason": "agreed with the network team"}).Want(200)
	for _, path := range []string{resolved, older} {
		api.Engineer.Post(path+"/resolve", map[string]any{"resolvedHow": "manual-fix"}).Want(200)
	}
	exec("update drift set first_seen_at = first_seen_at - interval '3 days', detected_at = resolved_at - interval '100 seconds' where resource_id = 'resolved'")
	exec(`update drift set first_seen_at = first_seen_at - interval '60 days', detected_at = detected_at - interval '60 days',
		resolved_at = resolved_at - interval '50 days' where resource_id = 'older'`)
	exec("update drift set first_seen_at = first_seen_at - interval '40 days' where resource_id = 'open'")

	t.Run("the summary is of the last days", func(t *testing.T) {
		got, err := service.Summary(t.Context(), api.Account, nil, 30)
		seconds := 100.0
		want := insight.Summary{
			Drifts:     4,
			ByStatus:   map[drift.Status]int{drift.Detected: 2, drift.Triaged: 0, drift.Approved: 0, drift.Rejected: 1, drift.Resolved: 1},
			BySeverity: map[drift.Severity]int{plan.Critical: 1, plan.Warning: 3, plan.Info: 0},
			Alerts:     1, UnreadAlerts: 1, MonthlyImpact: 30.8, Savings: 20.2, MedianSeconds: &seconds, P90Seconds: &seconds,
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
	t.Run("the trend has the cost of drift at the end of each day", func(t *testing.T) {
		trend, err := service.CostTrend(t.Context(), api.Account, nil, 5)
		if err != nil {
			t.Fatal(err)
		}
		var lines, want []string
		for _, day := range trend.Days {
			lines = append(lines, fmt.Sprintf("%s %.2f %.2f", day.Date, day.Cost, day.Resolved))
		}
		for i, cost := range []string{"10.10 0.00", "50.10 0.00", "50.10 0.00", "50.10 0.00", "30.80 40.00"} {
			want = append(want, time.Now().UTC().AddDate(0, 0, i-4).Format(time.DateOnly)+" "+cost)
		}
		if !slices.Equal(lines, want) {
			t.Errorf("trend %q, want %q", lines, want)
		}
		if trend.Start != 10.1 || trend.End != 30.8 || trend.Change != 20.7 || trend.TotalResolved != 40 {
			t.Errorf("%+v", trend)
		}
	})
	t.Run("the distributions have every kind", func(t *testing.T) {
		severities, err := service.BySeverity(t.Context(), api.Account, nil)
		if want := []insight.Share[drift.Severity]{{plan.Critical, 1, 20}, {plan.Warning, 4, 80}, {plan.Info, 0, 0}}; err != nil || severities.Total != 5 || !slices.Equal(severities.Shares, want) {
			t.Errorf("%+v, %v", severities, err)
		}
		statuses, err := service.ByStatus(t.Context(), api.Account, nil)
		if want := []insight.Share[drift.Status]{{drift.Detected, 2, 40}, {drift.Triaged, 0, 0}, {drift.Approved, 0, 0}, {drift.Rejected, 1, 20}, {drift.Resolved, 2, 40}}; err != nil || !slices.Equal(statuses.Shares, want) {
			t.Errorf("%+v, %v", statuses, err)
		}
	})
	t.Run("another account sees nothing", func(t *testing.T) {
		if s, err := service.Summary(t.Context(), api.OtherAccount, nil, 30); err != nil || s.Drifts != 0 || s.Alerts != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		if d, err := service.BySeverity(t.Context(), api.OtherAccount, nil); err != nil || d.Total != 0 {
			t.Errorf("%+v, %v", d, err)
		}
	})
	// Mutations: one of the four without its workspaces; the alerts of all workspaces.
	t.Run("each number is of the workspaces that are asked for", func(t *testing.T) {
		exec("update drift set workspace = 'else' where resource_id in ('critical', 'open')")
		here, there := []string{"else", "none"}, []string{"default"}
		summary, err := service.Summary(t.Context(), api.Account, here, 30)
		if err != nil || summary.Drifts != 2 || summary.Alerts != 1 || summary.BySeverity[plan.Critical] != 1 || summary.MonthlyImpact != 10.6 {
			t.Errorf("%+v, %v", summary, err)
		}
		if summary, err = service.Summary(t.Context(), api.Account, there, 30); err != nil || summary.Drifts != 2 || summary.Alerts != 0 {
			t.Errorf("%+v, %v", summary, err)
		}
		if trend, err := service.CostTrend(t.Context(), api.Account, here, 5); err != nil || trend.End != 10.6 || trend.TotalResolved != 0 {
			t.Errorf("%+v, %v", trend, err)
		}
		if d, err := service.BySeverity(t.Context(), api.Account, there); err != nil || d.Total != 3 {
			t.Errorf("%+v, %v", d, err)
		}
		if d, err := service.ByStatus(t.Context(), api.Account, here); err != nil || d.Total != 2 {
			t.Errorf("%+v, %v", d, err)
		}
	})
}
