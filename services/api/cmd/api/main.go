// Command api is the DriftSentry service that takes plans and decisions.
package main

import (
	"context"
	"os"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
)

// Set by the linker: -ldflags "-X main.version=1.2.3 -X main.commit=abc". Unset values come from the build itself.
var version, commit string

const usage = `api takes plans and decisions, and keeps the record of them.

  api [serve]              serve until SIGINT or SIGTERM; a second signal forces
  api migrate              bring the database to the newest schema
  api audit verify         compare the audit trail with its seals
  api audit trim           remove old rows of the audit trail; the seals stay
  api redact               mask in the stored data what the present rules call secret
  api doctor               look at the configuration, the database and the machine, and say what to do
  api healthcheck          exit with 0 when the service of this machine is ready
  api user create          make a user, and the account when it is new
  api user set-password    give a user another password
  api account set          say whether values of an account's resources are stored
  api version              say what this is

Each command tells more with -h. The configuration is in environment variables, which .env.example lists.
`

func main() {
	program := process.Program{
		Name: "api", Usage: usage, Build: process.NewBuild(version, commit), Port: app.DefaultPort,
		About: "Serves until SIGINT or SIGTERM. In-flight requests are finished; a second signal forces.",
		Serve: app.Serve,
		Commands: map[string]func(context.Context, *process.Program, []string) error{
			"account": account,
			"doctor":  examine,
			"migrate": migrate,
			"redact":  redact,
			"audit":   auditTrail,
			"user":    user,
		},
	}
	program.Main()
}

func migrate(ctx context.Context, p *process.Program, args []string) error {
	about := "Brings the database of DATABASE_URL to the newest schema. Several may run at once; one waits for the other."
	if err := p.Flags("migrate", about).Parse(args); err != nil {
		return err
	}
	return app.Migrate(ctx, os.Environ(), p.Build, os.Stdout)
}

func redact(ctx context.Context, p *process.Program, args []string) error {
	about := "Reads all that is stored again with the present rules of redaction, from the beginning or where it was stopped. " +
		"A service does this once by itself after an upgrade. It wants the service's DATABASE_URL and DATA_KEY."
	if err := p.Flags("redact", about).Parse(args); err != nil {
		return err
	}
	return app.Redact(ctx, os.Environ(), p.Build, os.Stdout)
}
