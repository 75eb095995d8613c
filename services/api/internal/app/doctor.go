package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/doctor"
)

// Examine looks at a machine, or without one at what the service depends on, and prints what it found. The error says how many
// failures there are.
func Examine(ctx context.Context, environ []string, b process.Build, m *doctor.Machine, out io.Writer) error {
	var r doctor.Report
	r.Findings = append(r.Findings, doctor.Finding{Check: "program", Found: fmt.Sprintf("%s %s (%s)", ServiceName, b.Version, b.Commit)})
	if m != nil {
		if err := config.Load(m, environ); err != nil {
			return err
		}
		m.Look(ctx, &r)
	} else {
		examineService(ctx, environ, &r)
	}
	if _, err := r.WriteTo(out); err != nil {
		return err
	}
	if n := r.Count(doctor.Failure); n > 0 {
		return fmt.Errorf("%d failures, %d warnings", n, r.Count(doctor.Warning))
	}
	return nil
}

// examineService goes on with what the configuration has, even if it has problems.
func examineService(ctx context.Context, environ []string, r *doctor.Report) {
	c, err := LoadConfig(environ)
	if problems, ok := errors.AsType[config.Problems](err); ok {
		for _, problem := range problems {
			r.Findings = append(r.Findings, doctor.Finding{
				Check: "configuration", State: doctor.Failure, Found: problem.Error(), Do: "correct it in .env or in the secret file; .env.example says what it means",
			})
		}
		return
	} else if err != nil {
		r.Findings = append(r.Findings, doctor.Finding{Check: "configuration", State: doctor.Failure, Found: err.Error(), Do: "correct it"})
		return
	}
	r.Findings = append(r.Findings, doctor.Finding{Check: "configuration", Found: string(c.Service.Environment)})
	var otel struct {
		Endpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"` // The SDK reads it itself.
	}
	if err := config.Load(&otel, environ); err != nil {
		r.Findings = append(r.Findings, doctor.Finding{Check: "telemetry", State: doctor.Failure, Found: err.Error(), Do: "correct it"})
	}
	s := doctor.Service{Database: c.Service.Database, Telemetry: otel.Endpoint, NATS: c.Service.NATS.URL.Reveal()}
	s.Look(ctx, r)
}
