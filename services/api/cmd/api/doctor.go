package main

import (
	"context"
	"os"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
	"github.com/driftsentry/driftsentry/services/api/internal/doctor"
)

func examine(ctx context.Context, p *process.Program, args []string) error {
	set := p.Flags("doctor", "Looks at what the service depends on, from where it runs: its configuration, the database with its role, settings and schema,\n"+
		"NATS, and where telemetry goes. With --machine it looks at a machine instead, with the variables of deploy/env.example, before the\n"+
		"first start or while the stack runs: memory, disk, clock, names, ports, secrets, and the edge. deploy/doctor does both. Exits with\n"+
		"status 1 if something must be mended.")
	machine := set.Bool("machine", false, "look at this machine")
	running := set.Bool("running", false, "the stack runs: the edge must answer, and has its ports")
	secrets := set.String("secrets", "", "the `folder` of the secret files")
	data := set.String("data", "", "a `folder` on the disk of Docker's volumes")
	if err := set.Parse(args); err != nil {
		return err
	}
	var m *doctor.Machine
	if *machine {
		m = &doctor.Machine{Running: *running, Secrets: *secrets, Data: *data}
	}
	return app.Examine(ctx, os.Environ(), p.Build, m, os.Stdout)
}
