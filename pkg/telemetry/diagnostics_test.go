package telemetry_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestDiagnostics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := telemetrytest.Start(t)
		for range 100 {
			otel.Handle(errors.New("export to https://u:hunter2@collector failed"))
		}
		if n := len(rec.Logs()); n != 3 {
			t.Errorf("%d lines, want 3:\n%s", n, rec.Output())
		}
		<-time.After(30 * time.Second)
		otel.Handle(errors.New("export failed"))
		lines := rec.Logs()
		if last := lines[len(lines)-1]; len(lines) != 4 || last["suppressed"] != 97.0 || last["level"] != "warn" || last["module"] != "telemetry" {
			t.Errorf("lines: %s", rec.Output())
		}
		if strings.Contains(rec.Output(), "hunter2") {
			t.Errorf("a secret was written: %s", rec.Output())
		}
		if records := rec.Records(); len(records) > 0 {
			t.Errorf("what cannot be exported was to be exported: %v", records)
		}
		if got := sample(t, rec.Metrics(), "telemetry_export_errors_total"); !strings.HasSuffix(got, " 101.0") {
			t.Errorf("errors counted: %q, want 101", got)
		}
	})
}
