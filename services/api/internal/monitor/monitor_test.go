package monitor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Mutations: the status of the last check however old it is; open drifts that are reported not counted; a workspace of previews
// counted.
func TestMonitor(t *testing.T) {
	api := apitest.Start(t)
	upload := func(workspace, rest string) {
		t.Helper()
		api.Key.Post("/api/v1/ingest/plan?workspace="+workspace, []byte(`{"format_version":"1.2","timestamp":"2026-03-01T00:01:00Z"`+rest+`}`)).Want(200)
	}
	upload("b-drifted", `,"complete":true,"resource_drift":[{"address":"aws_thing.x","mode":"managed","type":"aws_thing","name":"x",
		"change":{"actions":["update"],"before":{"v":"a"},"after":{"v":"b"}}}]`)
	upload("c-failed", `,"complete":true`)
	upload("c-failed", `,"errored":true`)
	upload("a-ok", `,"complete":true`)
	upload("d-old", `,"complete":true`)
	if _, err := api.DB.Exec(t.Context(), "update workspace set last_check_at = now() - interval '37 hours' where name = 'd-old'"); err != nil {
		t.Fatal(err)
	}
	api.Engineer.Post("/api/v1/drifts", map[string]any{
		"resourceId": "reported", "resourceType": "aws_instance", "region": "eu-central-1", "workspace": "e-never",
		"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
	}).Want(201)

	tel := telemetrytest.Start(t)
	m, err := monitor.New(postgres.NewMonitorStore(api.DB), 36*time.Hour, tel)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := m.Workspaces(t.Context(), api.Account, monitor.WorkspaceFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, w := range got {
		lines = append(lines, fmt.Sprint(w.Name, " ", w.Status, " ", w.OpenDrifts, " ", w.LastCheckAt != nil))
	}
	want := []string{"a-ok ok 0 true", "b-drifted drifted 1 true", "c-failed failed 0 true", "d-old stale 0 true", "e-never stale 1 false"}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if others, _, err := m.Workspaces(t.Context(), api.OtherAccount, monitor.WorkspaceFilter{}); err != nil || len(others) != 0 {
		t.Errorf("another account has %v, %v", others, err)
	}

	upload("f-preview&purpose=preview", `,"complete":true`) // It has nothing to be late with.
	m.Count(t.Context())
	for status, n := range map[string]int{"ok": 1, "drifted": 1, "failed": 1, "stale": 2} {
		if metrics := tel.Metrics(); !strings.Contains(metrics, fmt.Sprintf("driftsentry_workspaces{status=%q} %d", status, n)) {
			t.Errorf("%s: want %d in\n%s", status, n, metrics)
		}
	}
}
